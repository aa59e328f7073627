#include "policy/policy.h"

#include <array>

#include "policy/balance.h"
#include "policy/cpu.h"
#include "policy/memory.h"
#include "policy/none.h"
#include "policy/placement.h"

namespace hive::policy {
namespace {

constexpr std::array kPolicies{
    Policy{"none", "advises nothing", none},
    Policy{"memory", "lends memory of cells that have much to cells that run short", memory},
    Policy{"cpu", "raises the CPU weights of busy cells", cpu},
    Policy{"placement", "places sections where there is room, moves them to who uses them",
           placement},
    Policy{"balance", "memory, cpu and placement together", balance},
};

}  // namespace

std::span<const Policy> policies() { return kPolicies; }

const Policy* find(std::string_view name) {
  for (const Policy& policy : kPolicies) {
    if (policy.name == name) return &policy;
  }
  return nullptr;
}

}  // namespace hive::policy
