/* Pages, under the names that xv6-public has for them. */
#ifndef PUBLIC_MMU_H
#define PUBLIC_MMU_H

#include "../kernel/riscv.h"

#define PTXSHIFT PGSHIFT
#define PDXSHIFT 22
#define NPDENTRIES 1024
#define NPTENTRIES 1024

#endif
