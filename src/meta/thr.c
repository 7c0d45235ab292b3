#include "meta/thr.h"

thr_ops_t thr_ops;
