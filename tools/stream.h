/* caption --stream: pictures that come one after another are described as fast as it goes. The newest is; those
 * that came while the model was busy are dropped. A line is printed when the sentence changes. */
#ifndef TOOLS_STREAM_H
#define TOOLS_STREAM_H

#include "tools/describe.h"

/* Ends with the stream. The verb's verdict. */
int stream_run(describe_request *q);

#endif
