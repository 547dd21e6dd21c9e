/* MD5 (RFC 1321): not for secrets; the checksum that Photoshop, and the Metadata Working Group after it, put
 * beside IPTC-IIM, so that programs see whether XMP is as new.
 *
 *     uint8_t digest[MD5_BYTES];
 *     md5(bytes, n, digest);
 */
#ifndef META_MD5_H
#define META_MD5_H

#include <stddef.h>
#include <stdint.h>

enum { MD5_BYTES = 16 };
void md5(const void *bytes, size_t n, uint8_t digest[MD5_BYTES]);

#endif
