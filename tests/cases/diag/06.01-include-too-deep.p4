// Section 6.1: a file that includes itself, without a guard.

#include "06.01-include-too-deep.p4"
