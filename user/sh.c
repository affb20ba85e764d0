/*
 * sh: reads commands and runs them.
 *
 * A line is parsed into jobs, each of which is steps joined by && and
 * ||; a step is a pipeline of commands.  Words stay as they were typed,
 * quotes and all, until their command runs, since $? may have changed
 * by then.
 */
#include <stdbool.h>
#include <info.h>
#include "kernel/fcntl.h"
#include "kernel/param.h"
#include "kernel/stat.h"
#include "user/tools.h"
#include "user/user.h"

const struct tool tool = { "sh", "[-c COMMANDS | FILE]", 2 };

enum { LINE = 1024, POOL = 16 * 1024, DEPTH = 16, JOBS = 64 };
enum { USAGE = 2, CANNOT_RUN = 126, NOT_FOUND = 127, KILLED = -1 };

static int status;              /* of the last command: $? */
static int input;               /* the file that commands come from */
static bool interactive;        /* is that the console? */
static int background;          /* children that nobody waits for */

/* ---- Memory for one line ---- */

static uintptr_t pool[POOL / sizeof(uintptr_t)];
static size_t pool_used;

/* Zeroed memory until pool_used is set back, or NULL. */
static void *take(size_t bytes)
{
	size_t words = (bytes + sizeof *pool - 1) / sizeof *pool;
	void *taken = pool + pool_used;

	if (words > sizeof pool / sizeof *pool - pool_used)
		return NULL;
	pool_used += words;
	return memset(taken, 0, words * sizeof *pool);
}

/* ---- What a line becomes ---- */

struct word {
	const char *text;       /* as typed */
	int length;
	struct word *next;
};

enum token {
	END, WORD, SEMICOLON, AMPERSAND, AND, OR, PIPE, LEFT, RIGHT,
	LESS, GREATER, APPEND, COPY, BROKEN
};

struct redirection {
	int fd;                 /* which of the command's files */
	enum token kind;        /* LESS, GREATER, APPEND or COPY */
	struct word word;       /* a path, or for COPY a number */
	struct redirection *next;
};

struct command {
	struct word *words;
	int count;              /* of words */
	struct job *body;       /* of ( ): jobs instead of words */
	struct redirection *redirections;       /* from the left */
	struct command *next;   /* which reads what this one writes */
};

enum condition { ALWAYS, IF_WELL, IF_NOT };

struct step {
	enum condition when;    /* by the status of the step before */
	struct command *pipeline;
	struct step *next;
};

struct job {
	struct step *steps;
	bool in_background;
	struct job *next;
};

/* ---- Tokens ---- */

struct parser {
	const char *at;         /* behind the token */
	enum token token;
	const char *text;       /* of the token */
	const char *sign;       /* if it is one */
	int number;             /* before < or >; -1: none */
	int depth;              /* of parentheses */
};

static const struct sign {
	const char *text;
	enum token token;
} signs[] = {                   /* longer ones first */
	{ "&&", AND }, { "||", OR }, { ">>", APPEND },
	{ ">&", COPY }, { "<&", COPY }, { ";", SEMICOLON },
	{ "&", AMPERSAND }, { "|", PIPE }, { "(", LEFT },
	{ ")", RIGHT }, { "<", LESS }, { ">", GREATER },
};

enum { SIGNS = sizeof signs / sizeof *signs };

/* Reports what is wrong with the line, once. */
static void reject(struct parser *p, const char *what)
{
	if (p->token != BROKEN)
		fprintf(2, "sh: %s\n", what);
	p->token = BROKEN;
}

/* Is C one of those that end a word without quotes? */
static bool ends_word(char c)
{
	return !c || isspace(c) || strchr(";&|()<>", c);
}

/* Where the quoted text that begins AT ends, or NULL. */
static const char *closing_quote(const char *at)
{
	char quote = *at++;

	for (; *at && *at != quote; at++)
		if (quote == '"' && *at == '\\' && at[1])
			at++;
	return *at ? at : NULL;
}

/* Moves p->at behind the word that begins there. */
static void scan_word(struct parser *p)
{
	p->token = WORD;
	for (; !ends_word(*p->at); p->at++) {
		if (*p->at == '\\' && p->at[1]) {
			p->at++;
		} else if (*p->at == '\'' || *p->at == '"') {
			const char *end = closing_quote(p->at);

			if (!end) {
				reject(p, "a quote is not closed");
				return;
			}
			p->at = end;
		}
	}
}

/* If a number and then < or > stand at p->at, moves behind the number. */
static void scan_number(struct parser *p)
{
	const char *at = p->at;
	int number = 0;

	p->number = -1;
	for (; isdigit(*at) && number < 100; at++)
		number = 10 * number + *at - '0';
	if (at == p->at || (*at != '<' && *at != '>'))
		return;
	p->number = number;
	p->at = at;
}

/* If a sign stands at p->at, moves behind it. */
static bool scan_sign(struct parser *p)
{
	for (int i = 0; i < SIGNS; i++) {
		size_t length = strlen(signs[i].text);

		if (strncmp(p->at, signs[i].text, length) == 0) {
			p->token = signs[i].token;
			p->sign = signs[i].text;
			p->at += length;
			return true;
		}
	}
	return false;
}

/* Makes the next token the current one. */
static void advance(struct parser *p)
{
	if (p->token == BROKEN)
		return;
	while (isspace(*p->at))
		p->at++;
	p->text = p->at;
	scan_number(p);
	if (!*p->at || *p->at == '#')
		p->token = END;
	else if (!scan_sign(p))
		scan_word(p);
}

/* ---- Parsing ---- */

/* As take(), with a complaint. */
static void *parser_take(struct parser *p, size_t bytes)
{
	void *taken = take(bytes);

	if (!taken)
		reject(p, "the line is too long");
	return taken;
}

/* The current token is not what can stand there. */
static void unexpected(struct parser *p)
{
	static const char said[] = "unexpected ";
	char what[sizeof said + LINE];

	if (p->token == END) {
		reject(p, "the line ends too early");
	} else if (p->token != BROKEN) {
		snprintf(what, sizeof said + (size_t)(p->at - p->text),
			 "%s%s", said, p->text);
		reject(p, what);
	}
}

static struct job *parse_jobs(struct parser *p);

/* command: ( jobs ) */
static bool parse_body(struct parser *p, struct command *command)
{
	if (++p->depth > DEPTH) {
		reject(p, "too many parentheses");
		return false;
	}
	advance(p);
	command->body = parse_jobs(p);
	p->depth--;
	if (!command->body)
		return false;
	if (p->token != RIGHT) {
		unexpected(p);
		return false;
	}
	advance(p);
	return true;
}

/* The current token, a word, becomes *WORD. */
static void take_word(struct parser *p, struct word *word)
{
	word->text = p->text;
	word->length = (int)(p->at - p->text);
	advance(p);
}

static bool is_redirection(enum token token)
{
	return token == LESS || token == GREATER || token == APPEND ||
	       token == COPY;
}

/* redirection: [number] sign word */
static struct redirection *parse_redirection(struct parser *p)
{
	struct redirection *r = parser_take(p, sizeof *r);

	if (!r)
		return NULL;
	r->kind = p->token;
	r->fd = p->number >= 0 ? p->number : p->sign[0] != '<';
	advance(p);
	if (p->token != WORD) {
		unexpected(p);
		return NULL;
	}
	take_word(p, &r->word);
	return r;
}

/*
 * command: ( jobs ), or words; redirections can stand before, between
 * and behind them.
 */
static bool parse_parts(struct parser *p, struct command *command)
{
	struct redirection **redirection = &command->redirections;
	struct word **word = &command->words;

	for (;;) {
		if (is_redirection(p->token)) {
			*redirection = parse_redirection(p);
			if (!*redirection)
				return false;
			redirection = &(*redirection)->next;
		} else if (p->token == WORD && !command->body) {
			*word = parser_take(p, sizeof **word);
			if (!*word)
				return false;
			take_word(p, *word);
			word = &(*word)->next;
			command->count++;
		} else if (p->token == LEFT && !command->body &&
			   !command->words) {
			if (!parse_body(p, command))
				return false;
		} else {
			return true;
		}
	}
}

/* Can a command begin with TOKEN? */
static bool begins_command(enum token token)
{
	return token == WORD || token == LEFT || is_redirection(token);
}

static struct command *parse_command(struct parser *p)
{
	struct command *command = parser_take(p, sizeof *command);

	if (!command)
		return NULL;
	if (!begins_command(p->token)) {
		unexpected(p);
		return NULL;
	}
	return parse_parts(p, command) ? command : NULL;
}

/* pipeline: command { | command } */
static struct command *parse_pipeline(struct parser *p)
{
	struct command *first = NULL, **link = &first;

	for (;;) {
		*link = parse_command(p);
		if (!*link)
			return NULL;
		if (p->token != PIPE)
			return first;
		link = &(*link)->next;
		advance(p);
	}
}

/* job: pipeline { && pipeline, or || pipeline } */
static struct job *parse_job(struct parser *p)
{
	struct job *job = parser_take(p, sizeof *job);
	struct step **link, *step;
	enum condition when = ALWAYS;

	if (!job)
		return NULL;
	for (link = &job->steps;; link = &step->next) {
		*link = step = parser_take(p, sizeof *step);
		if (!step)
			return NULL;
		step->when = when;
		step->pipeline = parse_pipeline(p);
		if (!step->pipeline)
			return NULL;
		if (p->token != AND && p->token != OR)
			return job;
		when = p->token == AND ? IF_WELL : IF_NOT;
		advance(p);
	}
}

/* jobs: job { ; job, or & job } [ ; or & ] */
static struct job *parse_jobs(struct parser *p)
{
	struct job *first = NULL, **link = &first;

	do {
		struct job *job = parse_job(p);

		if (!job)
			return NULL;
		*link = job;
		link = &job->next;
		if (p->token != SEMICOLON && p->token != AMPERSAND)
			break;
		job->in_background = p->token == AMPERSAND;
		advance(p);
	} while (begins_command(p->token));
	return first;
}

/* Sets *JOBS to those of a line; false after a complaint. */
static bool parse(const char *line, struct job **jobs)
{
	struct parser p = { .at = line };

	*jobs = NULL;
	advance(&p);
	if (p.token == END)
		return true;
	*jobs = parse_jobs(&p);
	if (*jobs && p.token == END)
		return true;
	unexpected(&p);
	return false;
}

/* ---- From words as typed to arguments ---- */

/* Does a backslash before C, inside "", mean C itself? */
static bool is_special(char c)
{
	return c == '"' || c == '\\' || c == '$';
}

/*
 * Writes what the piece of a word at *AT stands for to *TO, and moves
 * both on; *QUOTE is the quote that it is in, or 0.  A word's end is
 * always followed by another byte.
 */
static void expand_piece(const char **at, char **to, char *quote)
{
	char c = *(*at)++, next = **at;

	if (c == *quote || (!*quote && (c == '\'' || c == '"'))) {
		*quote = *quote ? 0 : c;
	} else if (*quote == '\'') {
		*(*to)++ = c;
	} else if (c == '\\' && next && (!*quote || is_special(next))) {
		*(*to)++ = next;
		(*at)++;
	} else if (c == '$' && next == '?') {
		*to += snprintf(*to, sizeof "255", "%d", status);
		(*at)++;
	} else {
		*(*to)++ = c;
	}
}

/* The argument that WORD means now, from the pool, or NULL. */
static char *expand(const struct word *word)
{
	const char *at = word->text, *end = at + word->length;
	char *text = take(2 * (size_t)word->length + sizeof "255");
	char *to = text, quote = 0;

	if (!text)
		return NULL;
	while (at < end)
		expand_piece(&at, &to, &quote);
	*to = '\0';
	return text;
}

/* All arguments of COMMAND, and a NULL, or NULL with a complaint. */
static char **arguments(const struct command *command)
{
	char **argv = take(sizeof *argv * (size_t)(command->count + 1));
	int i = 0;

	for (struct word *w = command->words; argv && w; w = w->next) {
		argv[i] = expand(w);
		if (!argv[i++])
			argv = NULL;
	}
	if (!argv)
		fprintf(2, "sh: the line is too long\n");
	return argv;
}

/* ---- Commands of the shell itself ---- */

static int change_directory(char **argv)
{
	const char *where = argv[1] ? argv[1] : "/";

	if (argv[1] && argv[2]) {
		fprintf(2, "usage: cd [DIRECTORY]\n");
		return USAGE;
	}
	if (chdir(where) == 0)
		return 0;
	fprintf(2, "sh: cd: %s: cannot go there\n", where);
	return 1;
}

static int leave(char **argv)
{
	int number = status;

	if (argv[1] && (read_number(argv[1], &number) < 0 || argv[2])) {
		fprintf(2, "usage: exit [STATUS]\n");
		return USAGE;
	}
	exit(number);
}

/* Waits for everything in the background. */
static int wait_for_all(char **argv)
{
	(void)argv;
	while (wait(NULL) >= 0)
		;
	background = 0;
	return 0;
}

static int help(char **argv)
{
	(void)argv;
	printf("Programs are files: `ls /` lists them.\n"
	       "Of the shell itself are cd [DIRECTORY], "
	       "exit [STATUS],\n"
	       "wait (for what was started with &) and help.\n"
	       "Commands are joined by ;  &  &&  ||  |  and grouped "
	       "by ( ).\n"
	       "<  >  >>  2>  2>&1 say what they read and write.\n");
	return 0;
}

static const struct builtin {
	const char *name;
	int (*run)(char **argv);
} builtins[] = {
	{ "cd", change_directory },
	{ "exit", leave },
	{ "wait", wait_for_all },
	{ "help", help },
};

enum { BUILTINS = sizeof builtins / sizeof *builtins };

static const struct builtin *find_builtin(const char *name)
{
	for (int i = 0; i < BUILTINS; i++)
		if (strcmp(name, builtins[i].name) == 0)
			return &builtins[i];
	return NULL;
}

/* ---- Redirections ---- */

/* Makes TO, which is not open, the same file as FROM; -1: it cannot. */
static int duplicate(int from, int to)
{
	int fd = dup(from), result;

	if (fd < 0 || fd == to)
		return fd;
	result = duplicate(from, to);
	close(fd);
	return result;
}

/* The open file FROM gets the number TO instead. */
static int renumber(int from, int to)
{
	int result;

	if (from == to)
		return to;
	close(to);
	result = duplicate(from, to);
	close(from);
	return result;
}

/* A new number for the file whose number PATH is; -1: a complaint. */
static int open_copy(const char *text)
{
	int number, fd = -1;

	if (read_number(text, &number) == 0)
		fd = dup(number);
	if (fd < 0)
		fprintf(2, "sh: %s: not the number of an open file\n",
			text);
	return fd;
}

/* Opens what R asks for; -1 after a complaint. */
static int open_redirection(const struct redirection *r)
{
	const char *path = expand(&r->word);
	int fd;

	if (!path) {
		fprintf(2, "sh: the line is too long\n");
		return -1;
	}
	if (r->kind == COPY)
		return open_copy(path);
	if (r->kind == LESS)
		fd = open(path, O_RDONLY);
	else
		fd = open(path, O_WRONLY | O_CREATE |
			  (r->kind == APPEND ? O_APPEND : O_TRUNC));
	if (fd < 0)
		fprintf(2, "sh: %s: %s\n", path, r->kind == LESS ?
			why_not(path) : why_not_made(path));
	return fd;
}

/* Carries out all of R in a process that does nothing else; or -1. */
static int redirect(const struct redirection *r)
{
	for (; r; r = r->next) {
		int fd = open_redirection(r);

		if (fd < 0)
			return -1;
		if (renumber(fd, r->fd) < 0) {
			fprintf(2, "sh: %d: no number of a file\n",
				r->fd);
			return -1;
		}
	}
	return 0;
}

/*
 * Runs BUILTIN, or nothing if it is NULL, in this process with the
 * redirections R, and puts things back.  Returns a status.
 */
static int run_builtin(const struct builtin *builtin, char **argv,
		       const struct redirection *r)
{
	int fd, saved, result = 1;

	if (!r)
		return builtin ? builtin->run(argv) : 0;
	fd = open_redirection(r);
	if (fd < 0)
		return 1;
	saved = fd == r->fd ? -1 : dup(r->fd);
	if (renumber(fd, r->fd) >= 0)
		result = run_builtin(builtin, argv, r->next);
	if (saved < 0)
		close(r->fd);
	else
		renumber(saved, r->fd);
	return result;
}

/* ---- Running ---- */

/* Becomes a program, or ends with the status that says why not. */
static void become(char **argv) __attribute__((noreturn));
static void become(char **argv)
{
	struct stat unused;
	char path[MAXPATH];

	execute(argv[0], argv);
	snprintf(path, sizeof path, strchr(argv[0], '/') ? "%s" : "/%s",
		 argv[0]);
	if (stat(path, &unused) < 0) {
		fprintf(2, "sh: %s: not found\n", argv[0]);
		exit(NOT_FOUND);
	}
	fprintf(2, "sh: %s: cannot be run\n", argv[0]);
	exit(CANNOT_RUN);
}

/*
 * Forks.  The child of an interactive shell leads a group of its own,
 * which ^C on the console kills if it is in the FOREGROUND.
 */
static int start(bool foreground)
{
	int pid = fork();

	if (pid < 0) {
		fprintf(2, "sh: cannot fork\n");
		return -1;
	}
	if (pid > 0)
		return pid;
	if (interactive)
		group(foreground);
	interactive = false;
	background = 0;
	if (input > 0)
		close(input);
	input = 0;
	return 0;
}

/* The status of child PID, once it ended; NAME is for the reader. */
static int wait_for(int pid, const char *name)
{
	int result, child;

	while ((child = wait(&result)) != pid) {
		if (child < 0)
			return 1;
		background--;
	}
	if (result == KILLED)
		fprintf(2, "sh: %s: killed\n", name);
	return result & 255;
}

static void run_jobs(const struct job *job, bool last);

/* Runs ( jobs ); LAST as for run_command. */
static int run_body(const struct command *command, bool last)
{
	int pid = last ? 0 : start(true);

	if (pid < 0)
		return 1;
	if (pid > 0)
		return wait_for(pid, "( )");
	if (redirect(command->redirections) < 0)
		exit(1);
	run_jobs(command->body, true);
	exit(status);
}

/*
 * Runs one command and returns its status.  If it is the LAST thing to
 * do, a program replaces the shell.
 */
static int run_command(const struct command *command, bool last)
{
	const struct builtin *builtin;
	char **argv;
	int pid;

	if (command->body)
		return run_body(command, last);
	argv = arguments(command);
	if (!argv)
		return USAGE;
	builtin = argv[0] ? find_builtin(argv[0]) : NULL;
	if (builtin || !argv[0])
		return run_builtin(builtin, argv, command->redirections);
	if (command->count >= MAXARG) {
		fprintf(2, "sh: %s: too many arguments\n", argv[0]);
		return CANNOT_RUN;
	}
	pid = last ? 0 : start(true);
	if (pid < 0)
		return 1;
	if (pid > 0)
		return wait_for(pid, argv[0]);
	if (redirect(command->redirections) < 0)
		exit(1);
	become(argv);
}

/* ---- Pipelines ---- */

/*
 * Starts COMMAND, which reads what FROM gives; FROM is closed here.
 * Sets *OUTPUT to what gives what it writes, unless it is the last one.
 * Returns the child, or -1 after a complaint.
 */
static int start_member(const struct command *command, int from,
			int *output)
{
	int ends[2] = { -1, 1 }, pid;

	*output = -1;
	if (command->next && pipe(ends) < 0) {
		fprintf(2, "sh: cannot make a pipe\n");
		close(from);
		return -1;
	}
	pid = start(true);
	if (pid == 0) {
		if (ends[0] >= 0)
			close(ends[0]);
		renumber(ends[1], 1);
		renumber(from, 0);
		exit(run_command(command, true));
	}
	if (from > 0)
		close(from);
	if (ends[1] > 1)
		close(ends[1]);
	*output = ends[0];
	return pid;
}

/*
 * Runs a pipeline in a process that was made for it, and ends with the
 * status of the last command, which may be KILLED.
 */
static void run_members(const struct command *command)
	__attribute__((noreturn));
static void run_members(const struct command *command)
{
	int input = 0, pid = -1, child, result, last = 1;

	for (; command; command = command->next) {
		pid = start_member(command, input, &input);
		if (pid < 0)
			break;
	}
	if (input > 0)
		close(input);
	while ((child = wait(&result)) >= 0)
		if (child == pid)
			last = result;
	exit(last);
}

/*
 * Runs a pipeline; LAST as for run_command.  All its commands are of
 * the group of the process that waits for them.
 */
static int run_pipeline(const struct command *command, bool last)
{
	int pid;

	if (!command->next)
		return run_command(command, last);
	pid = last && !background ? 0 : start(true);
	if (pid < 0)
		return 1;
	if (pid == 0)
		run_members(command);
	return wait_for(pid, "pipeline");
}

/* Runs the steps whose condition is met, and sets the status. */
static void run_steps(const struct step *step, bool last)
{
	size_t used = pool_used;

	for (; step; step = step->next) {
		if (step->when == IF_WELL && status != 0)
			continue;
		if (step->when == IF_NOT && status == 0)
			continue;
		status = run_pipeline(step->pipeline,
				      last && !step->next);
		pool_used = used;
	}
}

/* Nobody types anything for the background: it reads an empty pipe. */
static void read_nothing(void)
{
	int ends[2];

	if (pipe(ends) < 0)
		return;
	close(ends[1]);
	renumber(ends[0], 0);
}

/* Runs JOB in a child that is not waited for. */
static void run_in_background(const struct job *job)
{
	int pid = start(false);

	if (pid == 0) {
		read_nothing();
		run_steps(job->steps, true);
		exit(status);
	}
	if (pid > 0)
		background++;
	status = pid < 0;
}

/* Runs a list of jobs; LAST as for run_command. */
static void run_jobs(const struct job *job, bool last)
{
	for (; job; job = job->next) {
		if (job->in_background)
			run_in_background(job);
		else
			run_steps(job->steps, last && !job->next);
	}
}

/* Runs the jobs of LINE; false if it is none, after a complaint. */
static bool run_line(const char *line, bool last)
{
	struct job *jobs;

	pool_used = 0;
	if (strlen(line) >= LINE) {
		fprintf(2, "sh: the line is too long\n");
	} else if (parse(line, &jobs)) {
		run_jobs(jobs, last);
		return true;
	}
	status = USAGE;
	return false;
}

/* ---- Reading ---- */

/* Buries those of the background that ended, without waiting. */
static void reap(void)
{
	struct process_info info[JOBS];
	int count = background ? processes(info, JOBS) : 0;
	int self = getpid();

	for (int i = 0; i < count; i++) {
		if (info[i].parent != self ||
		    info[i].state != PROCESS_ZOMBIE)
			continue;
		wait(NULL);
		background--;
	}
}

/*
 * Reads a line, byte by byte, since what follows may be for a child.
 * Of a longer one only LINE bytes are kept, which run_line() will find
 * too many.  Returns false at the end of input.
 */
static bool read_line(char line[LINE + 1])
{
	int length = 0;
	char c = 0;

	while (read(input, &c, 1) == 1 && c != '\n') {
		if (length < LINE)
			line[length++] = c;
		c = 0;
	}
	line[length] = '\0';
	return length > 0 || c == '\n';
}

/* Runs lines until there are no more or, if nobody types, a bad one. */
static void run_input(void)
{
	static char line[LINE + 1];

	for (;;) {
		if (interactive) {
			reap();
			write(2, "weft$ ", 6);
		}
		if (!read_line(line))
			break;
		if (!run_line(line, false) && !interactive)
			return;
	}
	if (interactive)
		write(2, "\n", 1);
}

/* Runs the lines of TEXT, which it takes apart. */
static void run_text(char *text)
{
	char *end;

	while ((end = strchr(text, '\n'))) {
		*end = '\0';
		if (!run_line(text, false))
			return;
		text = end + 1;
	}
	run_line(text, true);
}

/* Are commands typed here? */
static bool is_console(int fd)
{
	struct stat about;

	return fstat(fd, &about) == 0 && about.type == T_DEVICE;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "-c") == 0) {
		run_text(argv[2]);
		return status;
	}
	if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
		usage();
	}
	if (argc == 2)
		input = open_input(argv[1]);
	if (input < 0)
		return NOT_FOUND;
	interactive = is_console(input);
	if (interactive)
		group(false);
	run_input();
	return status;
}
