// What happens to the membership, in words.
#pragma once

#include <string>
#include <vector>

#include "cellmon/agree/cell_set.h"
#include "cellmon/agree/decision.h"
#include "cellmon/agree/evidence.h"
#include "cellmon/agree/message.h"
#include "cellmon/agree/port.h"

namespace hive::member {

/// Names of a machine's cells, by their numbers.
using Names = std::vector<std::string>;

/// "alpha, gamma"; "nobody" for no cell.
std::string describe(agree::CellSet cells, const Names& names);
/// "VMM exit, no answer".
std::string describe(agree::EvidenceSet evidence);
/// "beta, ballot 1: gamma failed (VMM exit), alpha is well".
std::string describe(const agree::Vote& vote, const Names& names);
/// "beta left" and the like; empty for a decision that is about nobody.
std::string describe(const agree::Decision& decision, const Names& names);
/// "epoch 2: alpha, gamma".
std::string describe(const agree::View& view, const Names& names);
std::string describe(agree::Refusal refusal);
/// Nanoseconds as "3.214 ms".
std::string describe_time(agree::Time time);

}  // namespace hive::member
