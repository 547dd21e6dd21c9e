/* What a run reads and what it writes: no output is one of its inputs, and no two outputs are one file.
 *
 *     outputs files = {0};
 *     if (outputs_reads(&files, "PHOTO", "a.png", &err)) ...
 *     if (outputs_writes(&files, "--overlay", "./a.png", &err)) ...      refused, before anything is written
 *     outputs_release(&files);
 *
 * Files are told apart by device and inode, those that are not there yet by their folder and name; so neither
 * "./a" for "a" nor a link hides one. Of a folder that is read all photos in it are. An input that is not there
 * is left to whoever reads it. Devices and pipes are never the same as anything. verb_begin does this
 * for options of the kinds OPT_INPUT, OPT_INPUTS and OPT_OUTPUT, for operands, and for standard output; verbs
 * that find their files themselves (photos of a folder) look further. */
#ifndef TOOLS_OUTPUTS_H
#define TOOLS_OUTPUTS_H

#include "src/base/arena.h"
#include "src/base/error.h"
#include "tools/options.h"

typedef struct outputs_file outputs_file;

typedef struct outputs {
    outputs_file **slot; /* a hash table: slots is 0 or a power of two, under half of it in use */
    size_t slots, count;
    arena memory;
} outputs;

/* `role` says in messages what the file is for ("--overlay"), NULL where nothing is to be said of what is
 * read; it must outlive the outputs. The path "-" is
 * standard input for what is read and standard output for what is written. Errors: ARGUMENT, a sentence that
 * names both roles; MEMORY. */
err_code outputs_reads(outputs *o, const char *role, const char *path, error *err);
err_code outputs_writes(outputs *o, const char *role, const char *path, error *err);

/* All that a parsed command line of `operands` operands names. */
err_code outputs_add_options(outputs *o, const opt_command *command, char **operand, int operands,
                             error *err);

void outputs_release(outputs *o);

#endif
