/* The same as for programs of xv6-riscv. */
#ifndef PUBLIC_MEMLAYOUT_H
#define PUBLIC_MEMLAYOUT_H

#include "../kernel/memlayout.h"

#endif
