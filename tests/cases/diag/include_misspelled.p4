#include <V1-model.p4>
