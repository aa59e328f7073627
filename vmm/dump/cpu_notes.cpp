#include "vmm/dump/cpu_notes.h"

#include <elf.h>
#include <sys/procfs.h>
#include <sys/user.h>

#include <array>
#include <cstring>

namespace hive::dump {
namespace {

constexpr std::size_t kNoteAlignment = 4;

template <typename Struct>
std::span<const std::byte> bytes_of(const Struct& value) {
  return std::as_bytes(std::span(&value, 1));
}

void append(std::vector<std::byte>& out, std::span<const std::byte> bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
  while (out.size() % kNoteAlignment != 0) out.push_back(std::byte{0});
}

/// A segment register or a table of descriptors, as QEMU's note has it.
struct QemuSegment {
  std::uint32_t selector = 0;
  std::uint32_t limit = 0;
  std::uint32_t flags = 0;  ///< The upper half of its descriptor, without base and limit.
  std::uint32_t pad = 0;
  std::uint64_t base = 0;
};

struct QemuState {
  std::uint32_t version = 1;
  std::uint32_t size = sizeof(QemuState);
  /// rax, rbx, rcx, rdx, rsi, rdi, rsp, rbp, r8 to r15, rip, rflags.
  std::array<std::uint64_t, 18> registers{};
  /// cs, ds, es, fs, gs, ss, ldt, tr, gdt, idt.
  std::array<QemuSegment, 10> segments{};
  std::array<std::uint64_t, 5> control{};  ///< cr0 to cr4.
};
static_assert(sizeof(QemuState) == 432);

/// Intel SDM vol. 3A, figure 3-8.
QemuSegment segment_of(const kvm_segment& segment) {
  std::uint32_t flags = std::uint32_t{segment.type} << 8;
  flags |= std::uint32_t{segment.s} << 12;
  flags |= std::uint32_t{segment.dpl} << 13;
  flags |= std::uint32_t{segment.present} << 15;
  flags |= std::uint32_t{segment.avl} << 20;
  flags |= std::uint32_t{segment.l} << 21;
  flags |= std::uint32_t{segment.db} << 22;
  flags |= std::uint32_t{segment.g} << 23;
  return {segment.selector, segment.limit, flags, 0, segment.base};
}

QemuSegment table_of(const kvm_dtable& table) { return {0, table.limit, 0, 0, table.base}; }

user_regs_struct user_registers(const Cpu& cpu) {
  const kvm_regs& regs = cpu.regs;
  const kvm_sregs& sregs = cpu.sregs;
  user_regs_struct user{};
  user.rax = user.orig_rax = regs.rax;
  user.rbx = regs.rbx;
  user.rcx = regs.rcx;
  user.rdx = regs.rdx;
  user.rsi = regs.rsi;
  user.rdi = regs.rdi;
  user.rsp = regs.rsp;
  user.rbp = regs.rbp;
  user.r8 = regs.r8;
  user.r9 = regs.r9;
  user.r10 = regs.r10;
  user.r11 = regs.r11;
  user.r12 = regs.r12;
  user.r13 = regs.r13;
  user.r14 = regs.r14;
  user.r15 = regs.r15;
  user.rip = regs.rip;
  user.eflags = regs.rflags;
  user.cs = sregs.cs.selector;
  user.ss = sregs.ss.selector;
  user.ds = sregs.ds.selector;
  user.es = sregs.es.selector;
  user.fs = sregs.fs.selector;
  user.gs = sregs.gs.selector;
  user.fs_base = sregs.fs.base;
  user.gs_base = sregs.gs.base;
  return user;
}

}  // namespace

void append_note(std::vector<std::byte>& out, std::string_view name, std::uint32_t type,
                 std::span<const std::byte> descriptor) {
  Elf64_Nhdr header{};
  header.n_namesz = static_cast<Elf64_Word>(name.size() + 1);
  header.n_descsz = static_cast<Elf64_Word>(descriptor.size());
  header.n_type = type;
  append(out, bytes_of(header));
  const auto* text = reinterpret_cast<const std::byte*>(name.data());
  out.insert(out.end(), text, text + name.size());
  append(out, std::array{std::byte{0}});
  append(out, descriptor);
}

void append_status_note(std::vector<std::byte>& out, const Cpu& cpu, unsigned index) {
  elf_prstatus status{};
  status.pr_pid = static_cast<pid_t>(index + 1);
  const user_regs_struct user = user_registers(cpu);
  static_assert(sizeof(status.pr_reg) == sizeof(user));
  std::memcpy(&status.pr_reg, &user, sizeof user);
  append_note(out, "CORE", NT_PRSTATUS, bytes_of(status));
}

void append_qemu_note(std::vector<std::byte>& out, const Cpu& cpu) {
  const kvm_regs& r = cpu.regs;
  const kvm_sregs& s = cpu.sregs;
  QemuState state;
  state.registers = {r.rax, r.rbx, r.rcx, r.rdx, r.rsi, r.rdi, r.rsp, r.rbp, r.r8,
                     r.r9,  r.r10, r.r11, r.r12, r.r13, r.r14, r.r15, r.rip, r.rflags};
  state.segments = {segment_of(s.cs), segment_of(s.ds), segment_of(s.es),  segment_of(s.fs),
                    segment_of(s.gs), segment_of(s.ss), segment_of(s.ldt), segment_of(s.tr),
                    table_of(s.gdt),  table_of(s.idt)};
  state.control = {s.cr0, 0, s.cr2, s.cr3, s.cr4};
  append_note(out, "QEMU", 0, bytes_of(state));
}

}  // namespace hive::dump
