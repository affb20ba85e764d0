#include "user/user.h"
#include "format.h"

/* What user/xv6-public/user.h calls printf. */
void public_printf(int fd, const char *text, ...);

/* Writes TEXT to FD, with what its conversions ask for. */
void public_printf(int fd, const char *text, ...)
{
	va_list list;

	va_start(list, text);
	format_to(fd, text, list);
	va_end(list);
}
