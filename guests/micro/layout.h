/* Numbers that the micro guest's assembly and C++ share. */
#ifndef HIVE_GUESTS_MICRO_LAYOUT_H
#define HIVE_GUESTS_MICRO_LAYOUT_H

#define MICRO_TRAMPOLINE 0x1000 /* page where started CPUs begin, in real mode */
#define MICRO_CPU_SIZE 8192     /* a CPU's stack, its Cpu structure at the bottom */
#define MICRO_CPU_GUARD 0       /* offset of Cpu::guard */

#endif
