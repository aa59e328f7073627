/* Where a CPU begins that HIVE_MICRO_START_CPU starts: real mode, at MICRO_TRAMPOLINE, to which the
 * code between the two symbols is copied. It goes to long mode in one step. */
#include "guests/bare/layout.h"
#include "guests/micro/layout.h"

#define EFER 0xc0000080

        .section .rodata
        .globl ap_trampoline, ap_trampoline_end
        .code16
ap_trampoline:
        cli
        xor     %ax, %ax
        mov     %ax, %ds
        lgdtl   MICRO_TRAMPOLINE + (ap_gdt_pointer - ap_trampoline)
        mov     $0x60, %eax             /* PAE, machine checks. */
        mov     %eax, %cr4
        mov     $pml4, %eax
        mov     %eax, %cr3
        mov     $EFER, %ecx
        rdmsr
        or      $0x100, %eax            /* LME. */
        wrmsr
        mov     $0x80000011, %eax       /* PG, ET, PE. */
        mov     %eax, %cr0
        ljmpl   $BARE_CODE_SELECTOR, $ap_64
        .balign 4
ap_gdt_pointer:
        .word 15
        .long gdt
ap_trampoline_end:

        .text
        .code64
ap_64:
        xor     %eax, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        mov     $1, %eax                /* The stack follows from the APIC id. */
        cpuid
        shr     $24, %ebx
        cmp     $16, %ebx
        jae     1f
        mov     %ebx, %edi
        inc     %ebx
        imul    $MICRO_CPU_SIZE, %rbx, %rsp
        add     $cpus, %rsp
        call    start_other_cpu
1:      hlt
        jmp     1b

        .bss
        .balign MICRO_CPU_SIZE
        .globl cpus, boot_stack_end
cpus:   .skip MICRO_CPU_SIZE
boot_stack_end:
        .skip 15 * MICRO_CPU_SIZE
