/* The way out of an action that faulted. */
#include "guests/micro/layout.h"

        .text
        .code64

/* perform_guarded(Cpu*, const hive_micro_action*, volatile hive_micro_result*): calls perform(),
 * which either returns or is left by unwind(Cpu*). */
        .globl perform_guarded, unwind
perform_guarded:
        push    %rbx
        push    %rbp
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        push    %rdi
        mov     %rsp, MICRO_CPU_GUARD(%rdi)
        call    perform
out_of_action:
        pop     %rdi
        movq    $0, MICRO_CPU_GUARD(%rdi)
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbp
        pop     %rbx
        ret

unwind:
        mov     MICRO_CPU_GUARD(%rdi), %rsp
        cld
        jmp     out_of_action
