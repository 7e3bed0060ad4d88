#include <core.p4>
#include "no_such_file.p4"
#if 1 +
#endif
#error "stop here"
