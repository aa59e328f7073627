#include "cellmon/campaign/keys.h"

#include <fmt/format.h>

#include <charconv>

#include "cellmon/inject/fault.h"
#include "vmm/plan/keys.h"
#include "vmm/plan/text.h"

namespace hive::campaign {
namespace {

using plan::quote;
using plan::YamlNode;

constexpr std::size_t kMaxText = 4096;
constexpr std::size_t kMaxNames = 64;

std::string list(std::span<const std::string_view> words) {
  std::string text;
  for (const std::string_view word : words) text += (text.empty() ? "" : ", ") + std::string(word);
  return text;
}

}  // namespace

std::optional<std::string> read_text(const YamlNode& node, std::string_view example,
                                     plan::FaultList& faults) {
  const std::string remedy = fmt::format("write {}", example);
  if (node.kind != YamlNode::Kind::kScalar || node.text.empty()) {
    faults.add(node.at, "a single value is needed here", remedy);
  } else if (node.text.size() > kMaxText) {
    faults.add(node.at, fmt::format("the text is longer than {} bytes", kMaxText), remedy);
  } else if (!plan::is_clean(node.text)) {
    faults.add(node.at, "the text holds a control character or is not UTF-8", remedy);
  } else {
    return node.text;
  }
  return std::nullopt;
}

Keys::Keys(const YamlNode& node, std::string_view what, std::span<const std::string_view> known,
           plan::FaultList& faults)
    : node_(node), faults_(faults), what_(what) {
  if (node.kind != YamlNode::Kind::kMapping) {
    faults.add(node.at, fmt::format("{} is described by a mapping", what),
               fmt::format("write 'key: value'; the keys are {}", list(known)));
    return;
  }
  for (const plan::Entry& entry : node.entries) {
    const auto [first, is_first] = entries_.emplace(entry.key, &entry);
    if (!is_first) {
      faults.add(entry.at,
                 fmt::format("key {} is given twice, first at line {}", quote(entry.key),
                             first->second->at.line),
                 "keep one of them");
      continue;
    }
    bool is_known = false;
    for (const std::string_view each : known) is_known = is_known || each == entry.key;
    if (is_known) continue;
    const auto nearest = plan::nearest_word(entry.key, known);
    faults.add(entry.at, fmt::format("unknown key {} in {}", quote(entry.key), what),
               nearest ? fmt::format("did you mean '{}'?", *nearest)
                       : fmt::format("the keys are {}", list(known)));
  }
}

const YamlNode* Keys::find(std::string_view key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() ? nullptr : &found->second->value;
}

void Keys::require(std::string_view key, std::string_view example) {
  if (has(key) || node_.kind != YamlNode::Kind::kMapping) return;
  faults_.add(node_.at, fmt::format("{} lacks the key '{}'", what_, key),
              fmt::format("add '{}: {}'", key, example));
}

const YamlNode* Keys::scalar(std::string_view key, std::string_view example) {
  const YamlNode* node = find(key);
  if (node == nullptr) return nullptr;
  return read_text(*node, fmt::format("'{}: {}'", key, example), faults_) ? node : nullptr;
}

std::optional<std::string> Keys::text(std::string_view key) {
  const YamlNode* node = scalar(key, "TEXT");
  return node == nullptr ? std::nullopt : std::optional(node->text);
}

std::optional<std::string> Keys::name(std::string_view key) {
  const YamlNode* node = scalar(key, "NAME");
  if (node == nullptr) return std::nullopt;
  if (plan::is_name(node->text)) return node->text;
  faults_.add(node->at, fmt::format("{} is not a name", quote(node->text)),
              "use 1 to 32 of a-z, 0-9 and '-', and begin with a letter or a digit");
  return std::nullopt;
}

std::optional<std::uint64_t> Keys::number(std::string_view key, std::uint64_t least,
                                          std::uint64_t most) {
  const YamlNode* node = scalar(key, "NUMBER");
  if (node == nullptr) return std::nullopt;
  std::uint64_t value = 0;
  const char* end = node->text.data() + node->text.size();
  const auto [stop, error] = std::from_chars(node->text.data(), end, value);
  if (error == std::errc() && stop == end && value >= least && value <= most) return value;
  faults_.add(node->at, fmt::format("{} cannot be {}", key, quote(node->text)),
              fmt::format("write a whole number from {} to {}", least, most));
  return std::nullopt;
}

std::optional<Milliseconds> Keys::time(std::string_view key) {
  const YamlNode* node = scalar(key, "TIME");
  if (node == nullptr) return std::nullopt;
  const auto time = inject::parse_duration(node->text);
  if (!time) {
    faults_.add(node->at, fmt::format("{} is not a time", quote(node->text)),
                "write a whole number with its unit, such as 500ms or 2s, up to 86400s");
  }
  return time;
}

std::vector<std::string> Keys::names(std::string_view key) {
  const YamlNode* node = find(key);
  std::vector<std::string> names;
  if (node == nullptr) return names;
  const bool is_list = node->kind == YamlNode::Kind::kList;
  if (is_list && (node->items.empty() || node->items.size() > kMaxNames)) {
    faults_.add(node->at, fmt::format("'{}' lists {} names", key, node->items.size()),
                fmt::format("list 1 to {}, or leave '{}' out", kMaxNames, key));
    return names;
  }
  for (const YamlNode& item : is_list ? node->items : std::vector<YamlNode>{*node}) {
    if (item.kind == YamlNode::Kind::kScalar && plan::is_name(item.text)) {
      names.push_back(item.text);
    } else {
      faults_.add(item.at, "this is not a cell's name", fmt::format("write '{}: [a, b]'", key));
    }
  }
  return names;
}

}  // namespace hive::campaign
