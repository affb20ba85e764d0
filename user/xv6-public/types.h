/* Names of the integer types, as xv6-public's programs write them. */
#ifndef PUBLIC_TYPES_H
#define PUBLIC_TYPES_H

#include "../kernel/types.h"

typedef uint pde_t;

#endif
