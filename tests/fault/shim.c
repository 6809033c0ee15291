/* A PKCS#11 module that stands in front of another one and misbehaves on demand.
 *
 * The control file is read at each call of the functions below: "C_Sign hang" lets it hang for as long as the
 * line stands, "C_Sign once" lets the first caller hang, "C_Sign 0x30" lets it fail with that return value.
 * Only what is needed of the interface is declared (PKCS#11 v2.40, 3 and 5.1).
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ENTRIES 68 /* functions of a v2 list */
#define GENERAL_ERROR 5UL

typedef unsigned long Word;
typedef Word (*Function)(Word, Word, Word, Word, Word);
typedef struct { unsigned char version[2]; Function entry[ENTRIES]; } List;

static List *real;
static List list;

static int misbehaves(const char *name, Word *value)
{
    char function[32] = "", fault[32] = "";
    FILE *control = fopen(CONTROL, "r");
    if (!control)
        return 0;
    int fields = fscanf(control, "%31s %31s", function, fault);
    fclose(control);
    if (fields != 2 || strcmp(function, name))
        return 0;
    if (!strcmp(fault, "once")) {
        if (rename(CONTROL, CONTROL ".taken")) /* somebody else was first */
            return 0;
        for (;;)
            pause();
    }
    if (!strcmp(fault, "hang")) {
        usleep(20000);
        return misbehaves(name, value);
    }
    *value = strtoul(fault, NULL, 0);
    return 1;
}

/* Five words hold the arguments of each of these functions; a callee reads as many as it has. */
#define FORWARD(name, index)                                     \
    static Word name(Word a, Word b, Word c, Word d, Word e)     \
    {                                                            \
        Word value;                                              \
        if (misbehaves(#name, &value))                           \
            return value;                                        \
        return real->entry[index](a, b, c, d, e);                \
    }

FORWARD(C_OpenSession, 12)
FORWARD(C_Login, 18)
FORWARD(C_FindObjects, 27)
FORWARD(C_SignInit, 42)
FORWARD(C_Sign, 43)

Word C_GetFunctionList(List **answer)
{
    if (!real) {
        void *module = dlopen(MODULE, RTLD_NOW | RTLD_LOCAL);
        Word (*get)(List **) = module ? (Word (*)(List **))dlsym(module, "C_GetFunctionList") : NULL;
        if (!get || get(&real))
            return GENERAL_ERROR;
        memcpy(&list, real, sizeof list);
        list.entry[3] = (Function)C_GetFunctionList;
        list.entry[12] = C_OpenSession;
        list.entry[18] = C_Login;
        list.entry[27] = C_FindObjects;
        list.entry[42] = C_SignInit;
        list.entry[43] = C_Sign;
    }
    *answer = &list;
    return 0;
}
