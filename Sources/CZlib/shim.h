// zlib, which unpacks gzip.
#include <zlib.h>
