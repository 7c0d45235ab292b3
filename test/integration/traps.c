#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include "traps.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/prctl.h>
#include <ucontext.h>

#include "support.h"

static _Atomic unsigned caught;
static long wanted_result;
static unsigned long arguments[6];

#ifdef __x86_64__
static void
handle(int sig, siginfo_t *info, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
	arguments[0] = (unsigned long)regs[REG_RDI];
	arguments[1] = (unsigned long)regs[REG_RSI];
	arguments[2] = (unsigned long)regs[REG_RDX];
	arguments[3] = (unsigned long)regs[REG_R10];
	arguments[4] = (unsigned long)regs[REG_R8];
	arguments[5] = (unsigned long)regs[REG_R9];
	atomic_fetch_add(&caught, 1);
	regs[REG_RAX] = wanted_result;
}
#endif

void
trap_syscall(int nr, int arg, unsigned value, long result)
{
#ifdef __x86_64__
	unsigned offset = arg < 0
	    ? offsetof(struct seccomp_data, nr)
	    : (unsigned)offsetof(struct seccomp_data, args) + 8 * (unsigned)arg;
	struct sock_filter filter[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)nr, 0, 3),
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, arg < 0 ? (unsigned)nr : value,
		0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {COUNT(filter), filter};
	struct sigaction action = {.sa_flags = SA_SIGINFO};
	action.sa_sigaction = handle;
	wanted_result = result;
	if (sigaction(SIGSYS, &action, NULL) != 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
		print_message("no seccomp: %s\n", strerror(errno));
		skip();
	}
#else
	skip();
#endif
}

unsigned
trap_count(void)
{
	return atomic_load(&caught);
}

unsigned long
trap_argument(int arg)
{
	return arguments[arg];
}
