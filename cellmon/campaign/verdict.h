// What became of an injection.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cellmon/campaign/story.h"

namespace hive::campaign {

enum class Outcome {
  kContained,    ///< The survivors are right, and so is the cell, or it was put out.
  kEscaped,      ///< A survivor was hurt.
  kUndetected,   ///< The survivors are right; the cell is not, and is a member all the same.
  kNotRestored,  ///< The survivors are right; not all members have come back, or Wax has not.
  kRefused,      ///< The fault was not injected.
};

std::string_view to_string(Outcome outcome);
std::optional<Outcome> parse_outcome(std::string_view text);

/// What a cell's workload was found to be.
enum class Work {
  kRight,      ///< All of its output is as it has to be.
  kWrong,      ///< Some is not.
  kSilent,     ///< It does not answer.
  kUnchecked,  ///< It has no part in the workload: nobody can tell.
};

struct CellLook {
  std::string cell;
  bool hit = false;        ///< The fault was injected into this one.
  bool is_policy = false;  ///< It runs Wax: its work is to do rounds.
  Work work = Work::kSilent;
  std::string why;  ///< Of kWrong and kSilent.
};

struct Observation {
  std::string refusal;        ///< Why the fault was not injected; empty: it was, or may have been.
  bool is_certain = true;     ///< The monitor has said whether it injects the fault.
  bool leaves_marks = false;  ///< See inject::leaves_marks().
  Story story;
  bool expects_return = false;  ///< The cell is to come back once it is out.
  std::vector<CellLook> looks;  ///< At all cells of the machine.
};

/// What harmed cells that were not hit, Wax's end apart, which costs them only advice; empty where
/// nothing did. A story without looks tells of what the monitors know.
std::vector<std::string> harm(const Observation& observation);

struct Verdict {
  Outcome outcome{};
  std::vector<std::string> reasons;  ///< For anything but kContained: at least one.
};

Verdict judge(const Observation& observation);

/// The cells that were not hit, and that nobody looked at.
std::vector<std::string> unchecked(const Observation& observation);

/// Whether the machine is as it was before the fault, by its VERDICT, so that it can take another.
bool is_whole(const Observation& observation, const Verdict& verdict);

/// Whether the story is over, so that it is time to verify the cells' work. LONG_ENOUGH: the
/// machine was watched for as long as it takes where nothing happens.
bool is_over(const Story& story, bool expects_return, bool long_enough);

}  // namespace hive::campaign
