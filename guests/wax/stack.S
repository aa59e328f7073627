/* Wax's one stack. Policies keep their accounts of all cells there. */
        .bss
        .balign 4096
        .skip 131072
        .globl boot_stack_end
boot_stack_end:
