#include "cellmon/campaign/keys.h"

#include <fmt/format.h>

#include <charconv>

#include "cellmon/campaign/limits.h"
#include "cellmon/inject/fault.h"
#include "vmm/plan/keys.h"
#include "vmm/plan/text.h"

namespace hive::campaign {
namespace {

using plan::quote;
using plan::YamlNode;

std::string list_keys(const MappingSpec& spec) {
  return fmt::format("{}", fmt::join(spec.names(), ", "));
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

Keys::Keys(const YamlNode& node, const MappingSpec& spec, plan::FaultList& faults)
    : spec_(spec), faults_(faults) {
  if (node.kind != YamlNode::Kind::kMapping) {
    faults.add(node.at, fmt::format("{} is described by a mapping", spec.what),
               fmt::format("write 'key: value'; the keys are {}", list_keys(spec)));
    return;
  }
  for (const plan::Entry& entry : node.entries) check_key(entry);
  for (const KeySpec& key : spec.keys) {
    if (!key.is_required() || find(key.name) != nullptr) continue;
    faults.add(node.at, fmt::format("{} lacks the key '{}'", spec.what, key.name),
               fmt::format("add '{}: {}'", key.name, key.example));
  }
}

void Keys::check_key(const plan::Entry& entry) {
  const auto [first, is_first] = entries_.emplace(entry.key, &entry);
  if (!is_first) {
    faults_.add(entry.at,
                fmt::format("key {} is given twice, first at line {}", quote(entry.key),
                            first->second->at.line),
                "keep one of them");
    return;
  }
  if (spec_.find(entry.key) != nullptr) return;
  const auto nearest = plan::nearest_word(entry.key, spec_.names());
  faults_.add(entry.at, fmt::format("unknown key {} in {}", quote(entry.key), spec_.what),
              nearest ? fmt::format("did you mean '{}'?", *nearest)
                      : fmt::format("the keys are {}", list_keys(spec_)));
}

const YamlNode* Keys::find(std::string_view key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() ? nullptr : &found->second->value;
}

const YamlNode* Keys::scalar(std::string_view key) {
  const YamlNode* node = find(key);
  if (node == nullptr) return nullptr;
  const std::string example = fmt::format("'{}: {}'", key, spec_.find(key)->example);
  return read_text(*node, example, faults_) ? node : nullptr;
}

std::optional<std::string> Keys::text(std::string_view key) {
  const YamlNode* node = scalar(key);
  return node == nullptr ? std::nullopt : std::optional(node->text);
}

std::optional<std::string> Keys::name(std::string_view key) {
  const YamlNode* node = scalar(key);
  if (node == nullptr) return std::nullopt;
  if (plan::is_name(node->text)) return node->text;
  faults_.add(node->at, fmt::format("{} is not a name", quote(node->text)),
              "use 1 to 32 of a-z, 0-9 and '-', and begin with a letter or a digit");
  return std::nullopt;
}

std::optional<std::uint64_t> Keys::number(std::string_view key) {
  const YamlNode* node = scalar(key);
  if (node == nullptr) return std::nullopt;
  std::uint64_t value = 0;
  const char* end = node->text.data() + node->text.size();
  const auto [stop, error] = std::from_chars(node->text.data(), end, value);
  const KeySpec& spec = *spec_.find(key);
  const bool is_number = error == std::errc() && stop == end && !node->quoted;
  if (is_number && value >= spec.least && value <= spec.most) return value;
  faults_.add(node->at, fmt::format("{} cannot be {}", key, quote(node->text)),
              fmt::format("write a whole number from {} to {}{}", spec.least, spec.most,
                          node->quoted ? ", without quotes" : ""));
  return std::nullopt;
}

std::optional<Milliseconds> Keys::time(std::string_view key) {
  const YamlNode* node = scalar(key);
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
