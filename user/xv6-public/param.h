/* The same as for programs of xv6-riscv. */
#ifndef PUBLIC_PARAM_H
#define PUBLIC_PARAM_H

#include "../kernel/param.h"

#endif
