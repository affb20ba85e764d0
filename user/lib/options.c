#include "user/tools.h"
#include "user/user.h"

/* The value of the option that was just read, or usage(). */
static char *value_of(struct options *o)
{
	char *rest = (char *)(uintptr_t)o->at;

	o->at = NULL;
	if (!*rest)
		rest = o->argv[o->index++];
	if (!rest)
		usage();
	return rest;
}

/*
 * The letter of the next option, one of KNOWN; 0 if none is left.  A
 * colon behind a letter of KNOWN means that it has a value.  Options
 * end at the first word that is none, or behind --.
 */
int next_option(struct options *o, const char *known)
{
	const char *letter;

	if (!o->at || !*o->at) {
		const char *word = o->argv[o->index];

		if (!word || word[0] != '-' || !word[1])
			return 0;
		o->index++;
		if (strcmp(word, "--") == 0)
			return 0;
		o->at = word + 1;
	}
	letter = *o->at == ':' ? NULL : strchr(known, *o->at);
	if (!letter) {
		fprintf(2, "%s: -%c: unknown option\n", tool.name,
			*o->at);
		usage();
	}
	o->at++;
	if (letter[1] == ':')
		o->value = value_of(o);
	return *letter;
}

/* The number TEXT, which is not negative; fails if it is none. */
int count_value(const char *text)
{
	int number;

	if (read_number(text, &number) < 0 || number < 0)
		fail(text, "not a number");
	return number;
}
