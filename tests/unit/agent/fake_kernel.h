// A kernel's memory for tests: processes, an address map and a copy-on-write tree, with structures
// that have Linux' members at other places.
#pragma once

#include <elf.h>

#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "guests/agent/kernel/address_map.h"
#include "guests/agent/kernel/memory.h"
#include "tests/unit/agent/btf_builder.h"

namespace hive::agent::kernel {

/// Some of Linux' types. What they are for the tests, below, counts on these offsets.
inline std::string linux_types() {
  BtfBuilder types;
  const auto word = types.integer("unsigned long", 8);
  const auto number = types.name(BtfBuilder::kTypedef, "pid_t", types.integer("int", 4));
  const auto pointer = types.name(BtfBuilder::kConst, "", types.pointer());
  const auto list = types.structure("list_head", 16, {{"next", pointer, 0}, {"prev", pointer, 8}});
  const auto leaf =
      types.structure("", 128, {{"slot", types.array(pointer, 16), 0}}, BtfBuilder::kUnion);
  const auto range = types.structure(
      "maple_range_64", 256,
      {{"parent", pointer, 0}, {"pivot", types.array(word, 15), 8}, {"", leaf, 128}});
  const auto allocator = types.structure("maple_arange_64", 240,
                                         {{"parent", pointer, 0},
                                          {"pivot", types.array(word, 9), 8},
                                          {"slot", types.array(pointer, 10), 80},
                                          {"gap", types.array(word, 10), 160}});
  const auto node =
      types.structure("", 256, {{"mr64", range, 0}, {"ma64", allocator, 0}}, BtfBuilder::kUnion);
  types.structure("maple_node", 256, {{"", node, 0}});
  const auto tree =
      types.structure("maple_tree", 24, {{"ma_lock", number, 0}, {"ma_root", pointer, 8}});
  const auto map = types.structure("", 200, {{"mm_mt", tree, 64}});
  types.structure("mm_struct", 256, {{"", map, 0}});
  const auto task = types.structure("", 96, {{"tasks", list, 48}, {"mm", pointer, 80}});
  types.structure("task_struct", 512,
                  {{"state", number, 0}, {"", task, 16}, {"tgid", number, 124}});
  const auto rb = types.structure(
      "rb_node", 24,
      {{"__rb_parent_color", word, 0}, {"rb_right", pointer, 8}, {"rb_left", pointer, 16}});
  const auto shared = types.structure("", 32, {{"rb", rb, 0}, {"last", word, 24}});
  const auto either = types.structure("", 32, {{"shared", shared, 0}, {"anon_name", pointer, 0}},
                                      BtfBuilder::kUnion);
  types.structure("vm_area_struct", 128,
                  {{"vm_start", word, 0},
                   {"vm_end", word, 8},
                   {"vm_mm", pointer, 16},
                   {"vm_flags", word, 24},
                   {"", either, 32},
                   {"anon_vma_chain", list, 64},
                   {"anon_vma", pointer, 80},
                   {"vm_file", pointer, 96}});
  types.structure(
      "anon_vma_chain", 64,
      {{"vma", pointer, 0}, {"anon_vma", pointer, 8}, {"same_vma", list, 16}, {"rb", rb, 32}});
  const auto lock =
      types.structure("rw_semaphore", 24, {{"count", word, 0}, {"wait_list", list, 8}});
  types.structure("anon_vma", 64,
                  {{"root", pointer, 0}, {"rwsem", lock, 8}, {"parent", pointer, 40}});
  return types.bytes();
}

/// 64 KiB of RAM, at kVirtual for the kernel and at kPhysical for the guest.
class FakeMemory : public Memory {
 public:
  static constexpr std::uint64_t kVirtual = 0xffff'8880'0010'0000, kPhysical = 0x10'0000;

  bool read(std::uint64_t address, std::span<char> into) const override {
    if (!physical(address, into.size())) return false;
    std::memcpy(into.data(), bytes_.data() + (address - kVirtual), into.size());
    return true;
  }
  [[nodiscard]] std::optional<std::uint64_t> physical(std::uint64_t address,
                                                      std::uint64_t size) const override {
    if (address < kVirtual || !fits_within(address - kVirtual, size, bytes_.size())) return {};
    return kPhysical + (address - kVirtual);
  }
  template <typename Number>
  void set(std::uint64_t address, Number value) {
    std::memcpy(bytes_.data() + (address - kVirtual), &value, sizeof value);
  }
  void set_word(std::uint64_t address, std::uint64_t value) { set(address, value); }

  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_ = std::string(65536, '\0');
};

/// Processes 1, 2 (the kernel's own, without a map) and 30. That one has two areas in two leaves,
/// of which the first has a link to the parent's anon_vma and one to its own.
struct FakeKernel {
  static constexpr std::uint64_t kBase = FakeMemory::kVirtual;
  static constexpr std::uint64_t kTasks = kBase + 0x1000, kMap = kBase + 0x4000,
                                 kRoot = kBase + 0x5000, kLeaf = kBase + 0x5100,
                                 kOtherLeaf = kBase + 0x5200, kArea = kBase + 0x6000,
                                 kOtherArea = kBase + 0x6080, kLink = kBase + 0x7000,
                                 kOtherLink = kBase + 0x7040, kSource = kBase + 0x8000,
                                 kOtherSource = kBase + 0x8040;
  static constexpr std::uint64_t kLast = ~std::uint64_t{0};
  // Words that lead to nodes: their types from bit 3 on.
  static constexpr std::uint64_t kLeafWord = 1 << 3 | 4, kAllocatorWord = 3 << 3 | 4;

  FakeKernel() {
    for (std::uint64_t index = 0; index < 3; ++index) {
      memory.set_word(task(index) + 64, task((index + 1) % 3) + 64);
      memory.set(task(index) + 124, std::array<std::uint32_t, 3>{1, 2, 30}[index]);
    }
    memory.set_word(task(2) + 96, kMap);
    memory.set_word(kMap + 72, kRoot | kAllocatorWord | 2);
    set_slots(kRoot, 80, {{kLeaf | kLeafWord, 0xffff}, {kOtherLeaf | kLeafWord, kLast}});
    set_slots(kLeaf, 128, {{0, 0xfff}, {kArea, 0x4fff}, {0, 0xffff}});
    set_slots(kOtherLeaf, 128, {{kOtherArea, 0x1ffff}, {0, kLast}});
    for (const std::uint64_t area : {kArea, kOtherArea}) {
      memory.set_word(area + 16, kMap);
      memory.set_word(area + 64, area + 64);
    }
    memory.set_word(kArea + 64, kLink + 16);
    set_link(kLink, kArea, kSource, kOtherLink + 16);
    set_link(kOtherLink, kArea, kOtherSource, kArea + 64);
  }

  static std::uint64_t task(std::uint64_t index) { return kTasks + index * 0x200; }

  /// The bytes of process 1's task_struct.
  [[nodiscard]] std::string task_bytes() const {
    return memory.bytes().substr(task(0) - kBase, 0x200);
  }

  /// Fills the node at ADDRESS with slots at SLOTS: what they hold, and their last indices.
  void set_slots(std::uint64_t address, std::uint64_t slots,
                 const std::vector<std::pair<std::uint64_t, std::uint64_t>>& content) {
    for (std::size_t index = 0; index < content.size(); ++index) {
      memory.set_word(address + slots + index * 8, content[index].first);
      memory.set_word(address + 8 + index * 8, content[index].second);
    }
  }

  void set_link(std::uint64_t link, std::uint64_t area, std::uint64_t source, std::uint64_t next) {
    memory.set_word(link, area);
    memory.set_word(link + 8, source);
    memory.set_word(link + 16, next);
  }

  /// The same as /proc/kcore has it.
  [[nodiscard]] std::string core_file() const {
    const std::string task = task_bytes();
    std::string notes = note(1, "status") + note(NT_TASKSTRUCT, task);
    constexpr std::uint64_t kData = 0x2000;
    Elf64_Ehdr file{};
    std::memcpy(file.e_ident, ELFMAG, SELFMAG);
    file.e_ident[EI_CLASS] = ELFCLASS64;
    file.e_ident[EI_DATA] = ELFDATA2LSB;
    file.e_type = ET_CORE;
    file.e_machine = EM_X86_64;
    file.e_phoff = sizeof file;
    file.e_phentsize = sizeof(Elf64_Phdr);
    file.e_phnum = 3;
    const std::uint64_t first = sizeof file + 3 * sizeof(Elf64_Phdr);
    const auto header = [](std::uint32_t type, std::uint64_t offset, std::uint64_t address,
                           std::uint64_t physical, std::uint64_t size) {
      Elf64_Phdr each{};
      each.p_type = type;
      each.p_offset = offset;
      each.p_vaddr = address;
      each.p_paddr = physical;
      each.p_filesz = each.p_memsz = size;
      return std::string(reinterpret_cast<const char*>(&each), sizeof each);
    };
    std::string text(reinterpret_cast<const char*>(&file), sizeof file);
    text += header(PT_NOTE, first, 0, 0, notes.size());
    text += header(PT_LOAD, kData, 0xffff'c900'0000'0000, ~std::uint64_t{0}, 0x1000);
    text += header(PT_LOAD, kData, kBase, FakeMemory::kPhysical, memory.bytes().size());
    text += notes;
    text.resize(kData);
    return text + memory.bytes();
  }

  FakeMemory memory;

 private:
  static std::string note(std::uint32_t type, const std::string& body) {
    const Elf64_Nhdr head{5, static_cast<std::uint32_t>(body.size()), type};
    std::string text(reinterpret_cast<const char*>(&head), sizeof head);
    text += std::string("CORE\0\0\0\0", 8) + body;
    text.resize((text.size() + 3) / 4 * 4);
    return text;
  }
};

}  // namespace hive::agent::kernel
