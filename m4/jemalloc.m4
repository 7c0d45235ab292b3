dnl Macros that configure.ac is written with.  Nothing here knows a particular
dnl option or symbol; configure.ac lists those.

dnl JE_ENABLE(NAME, DEFAULT, HELP)
dnl A --enable-NAME / --disable-NAME switch that leaves 0 or 1 in enable_NAME.
AC_DEFUN([JE_ENABLE], [dnl
m4_pushdef([je_var], [m4_translit([enable_$1], [-], [_])])dnl
AC_ARG_ENABLE([$1],
  [AS_HELP_STRING([m4_if([$2], [1], [--disable-$1], [--enable-$1])], [$3])],
  [AS_IF([test "x$enableval" = xno], [je_var=0], [je_var=1])],
  [je_var=$2])
m4_popdef([je_var])dnl
])

dnl JE_DEFINE_FEATURE(NAME)
dnl Hand enable_NAME to the C sources as CONFIG_NAME, 0 or 1.
AC_DEFUN([JE_DEFINE_FEATURE], [dnl
AC_DEFINE_UNQUOTED([CONFIG_]m4_translit([$1], [-a-z], [_A-Z]),
  [$m4_translit([enable_$1], [-], [_])],
  [Value of the $1 switch.])dnl
])

dnl JE_WITH_NUMBER(NAME, DEFAULT, HELP)
dnl A --with-NAME=N option that takes a decimal number, left in with_NAME.
AC_DEFUN([JE_WITH_NUMBER], [dnl
m4_pushdef([je_var], [m4_translit([with_$1], [-], [_])])dnl
AC_ARG_WITH([$1], [AS_HELP_STRING([--with-$1=N], [$3])],
  [AS_CASE([$withval], [''|*@<:@!0-9@:>@*],
    [AC_MSG_ERROR([--with-$1 needs a number, not "$withval"])])],
  [je_var=$2])
m4_popdef([je_var])dnl
])

dnl JE_CFLAG(VARIABLE, FLAG)
dnl Append FLAG to VARIABLE if the compiler of the current language accepts it.
AC_DEFUN([JE_CFLAG], [dnl
AS_VAR_PUSHDEF([je_ok], [je_cv_[]_AC_LANG_ABBREV[]_flag_$2])dnl
AC_CACHE_CHECK([whether $_AC_CC accepts $2], [je_ok],
  [je_saved_flags="$_AC_LANG_PREFIX[]FLAGS"
  _AC_LANG_PREFIX[]FLAGS="$je_saved_flags $je_werror m4_bpatsubst([$2], [-Wno-], [-W])"
  AC_COMPILE_IFELSE([AC_LANG_PROGRAM()],
    [AS_VAR_SET([je_ok], [yes])], [AS_VAR_SET([je_ok], [no])])
  _AC_LANG_PREFIX[]FLAGS="$je_saved_flags"])
AS_VAR_IF([je_ok], [yes], [AS_VAR_APPEND([$1], [" $2"])])
AS_VAR_POPDEF([je_ok])dnl
])

dnl JE_HAVE(SYMBOL, WHAT, PROLOGUE, BODY)
dnl Define HAVE_SYMBOL to 1 if the program links, to 0 if not.  The answer is
dnl cached as je_cv_symbol, so a config.cache can decide it beforehand.
AC_DEFUN([JE_HAVE], [dnl
m4_pushdef([je_cache], [je_cv_[]m4_tolower([$1])])dnl
AC_CACHE_CHECK([for $2], [je_cache],
  [AC_LINK_IFELSE([AC_LANG_PROGRAM([@%:@ifndef _GNU_SOURCE
@%:@define _GNU_SOURCE
@%:@endif
$3], [$4])], [je_cache=yes], [je_cache=no])])
AS_IF([test "x$je_cache" = xyes], [have_[]m4_tolower([$1])=1],
  [have_[]m4_tolower([$1])=0])
AC_DEFINE_UNQUOTED([HAVE_$1], [$have_[]m4_tolower([$1])], [Have $2.])
m4_popdef([je_cache])dnl
])

dnl JE_HAVE_LIBC(SYMBOL)
dnl Define HAVE_<SYMBOL> to 1 if libc has the symbol, whether or not a header
dnl declares it.
AC_DEFUN([JE_HAVE_LIBC], [dnl
JE_HAVE(m4_toupper([$1]), [$1], [[
#ifdef __cplusplus
extern "C"
#endif
char $1(void);]], [[return $1();]])dnl
])

dnl JE_PUBLIC_NAME(NAME, [USUAL])
dnl Settle what NAME is exported as: its mangled name if --with-mangling has
dnl one, otherwise the prefix followed by NAME (or USUAL).  Substituted as
dnl @je_NAME@.
AC_DEFUN([JE_PUBLIC_NAME], [dnl
je_$1="${JEMALLOC_PREFIX}m4_default([$2], [$1])"
for je_pair in `echo "$with_mangling" | tr , ' '`; do
  AS_CASE([$je_pair], [$1:*], [je_$1=`echo "$je_pair" | cut -d: -f2`])
done
AC_SUBST([je_$1])
public_names="$public_names $1:$je_$1"
])
