/* Entry points of the 256 vectors. */

        .text
        .code64

/* 16 bytes a vector. Exceptions without an error code get one of 0. */
        .globl vector_stubs
        .balign 16
vector_stubs:
        .set    vector, 0
        .rept   256
        .balign 16
        .if     vector != 8 && (vector < 10 || vector > 14) && vector != 17 && vector != 21
        push    $0
        .endif
        push    $vector
        .if     vector < 32
        jmp     exception
        .else
        jmp     interrupt
        .endif
        .set    vector, vector + 1
        .endr

/* An exception never returns to where it came from, so nothing needs saving. */
exception:
        mov     %rsp, %rdi
        and     $-16, %rsp
        call    on_exception
        ud2

interrupt:
        push    %rax
        push    %rcx
        push    %rdx
        push    %rsi
        push    %rdi
        push    %r8
        push    %r9
        push    %r10
        push    %r11
        mov     72(%rsp), %edi
        call    on_interrupt
        pop     %r11
        pop     %r10
        pop     %r9
        pop     %r8
        pop     %rdi
        pop     %rsi
        pop     %rdx
        pop     %rcx
        pop     %rax
        add     $16, %rsp
        iretq
