/* PVH entry of the boot CPU (Xen: docs/misc/pvh.pandoc): 32-bit, paging off, EBX = start info. It
 * calls the guest's start_boot_cpu(start info) in 64-bit mode, on the stack that ends at the guest's
 * boot_stack_end. */
#include "guests/bare/layout.h"

#define EFER 0xc0000080

        .section .note.pvh, "a", @note
        .balign 4
        .long 4, 4, 18                  /* Name and descriptor lengths, PHYS32_ENTRY. */
        .asciz "Xen"
        .long pvh_entry

        .text
        .code32
        .globl pvh_entry
pvh_entry:
        cli
        mov     $boot_stack_end, %esp
        mov     %ebx, %ebp

        /* Map the first 4 GiB one to one by 2 MiB pages. Memory is zero, so high halves are too. */
        movl    $pdpt + 3, pml4
        mov     $directories + 3, %eax
        mov     $pdpt, %edi
1:      mov     %eax, (%edi)
        add     $4096, %eax
        add     $8, %edi
        cmp     $pdpt + 32, %edi
        jne     1b
        mov     $0x83, %eax             /* Present, writable, large. */
        mov     $directories, %edi
2:      mov     %eax, (%edi)
        add     $0x200000, %eax
        add     $8, %edi
        cmp     $directories + 4 * 4096, %edi
        jne     2b

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
        lgdt    gdt_pointer
        ljmp    $BARE_CODE_SELECTOR, $boot_cpu_64

        .code64
boot_cpu_64:
        xor     %eax, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        mov     %ebp, %edi
        call    start_boot_cpu
        ud2

        .section .rodata
        .balign 8
gdt:    .quad 0
        .quad 0x00209b0000000000        /* BARE_CODE_SELECTOR: 64-bit code. */
        .globl gdt, gdt_pointer
gdt_pointer:
        .word . - gdt - 1
        .quad gdt

        .bss
        .balign 4096
        .globl pml4, pdpt
pml4:   .skip 4096
pdpt:   .skip 4096
directories:
        .skip 4 * 4096
