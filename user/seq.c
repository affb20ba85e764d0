/* seq: whole numbers from FIRST to LAST. */
#include "user/tools.h"
#include "user/user.h"

const struct tool tool = { "seq", "[FIRST [STEP]] LAST", 1 };

static long long number(const char *text)
{
	int value;

	if (read_number(text, &value) < 0)
		fail(text, "not a number");
	return value;
}

int main(int argc, char **argv)
{
	long long first = 1, step = 1, last;

	if (argc < 2 || argc > 4)
		usage();
	last = number(argv[argc - 1]);
	if (argc > 2)
		first = number(argv[1]);
	if (argc > 3)
		step = number(argv[2]);
	if (step == 0)
		fail(argv[2], "a step cannot be zero");
	for (; step > 0 ? first <= last : first >= last; first += step)
		put_text("%lld\n", first);
	return put_end();
}
