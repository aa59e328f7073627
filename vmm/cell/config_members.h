// Members of the JSON object that is a cell's configuration.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "vmm/base/error.h"

namespace hive::cell::config_json {

using Json = nlohmann::json;

/// The words that a key's value may be, and what each means.
template <typename Value, std::size_t kCount>
using Names = std::array<std::pair<std::string_view, Value>, kCount>;

/// Throws Error (kUsage).
[[noreturn]] inline void refuse(const std::string& what) {
  throw Error("cell configuration: " + what, Error::Kind::kUsage);
}

/// "a, b or c".
template <typename Value, std::size_t kCount>
std::string listing(const Names<Value, kCount>& names) {
  std::string text;
  for (std::size_t i = 0; i < kCount; ++i) {
    if (i > 0) text += i + 1 < kCount ? ", " : " or ";
    text += names[i].first;
  }
  return text;
}

template <typename Value, std::size_t kCount>
std::string_view name_of(const Names<Value, kCount>& names, Value wanted) {
  for (const auto& [name, value] : names) {
    if (value == wanted) return name;
  }
  return names.front().first;
}

/// Takes the members of one JSON object by name, and knows which were not asked for.
class Members {
 public:
  Members(const Json& object, std::string where) : object_(object), where_(std::move(where)) {
    if (!object.is_object()) refuse(where_ + "not an object");
  }

  void take(const char* key, std::string& out, bool required) {
    const Json* value = find(key, required);
    if (value == nullptr) return;
    if (!value->is_string()) refuse_type(key, "a string");
    out = value->get<std::string>();
  }

  void take(const char* key, bool& out) {
    const Json* value = find(key, false);
    if (value == nullptr) return;
    if (!value->is_boolean()) refuse_type(key, "true or false");
    out = value->get<bool>();
  }

  template <typename Value, std::size_t kCount>
  void take_name(const char* key, const Names<Value, kCount>& names, Value& out) {
    std::string text(name_of(names, out));
    take(key, text, false);
    for (const auto& [name, value] : names) {
      if (text == name) {
        out = value;
        return;
      }
    }
    refuse_named(key, text, listing(names));
  }

  template <typename Number>
  void take_number(const char* key, Number& out, bool required) {
    if (const Json* value = find(key, required)) out = number<Number>(*value, key);
  }

  /// A descriptor number: an integer from -1 up.
  void take_fd(const char* key, int& out) {
    const Json* value = find(key, false);
    if (value == nullptr) return;
    if (value->is_number_integer() && *value == -1) {
      out = -1;
    } else {
      out = number<int>(*value, key);
    }
  }

  /// Calls EACH with every element of array KEY.
  template <typename Each>
  void take_array(const char* key, Each each) {
    const Json* value = find(key, false);
    if (value == nullptr) return;
    if (!value->is_array()) refuse_type(key, "an array");
    for (const Json& element : *value) each(element);
  }

  /// Calls TAKE with object KEY where there is one.
  template <typename Take>
  void take_object(const char* key, Take take) {
    if (const Json* value = find(key, false)) take(*value);
  }

  /// VALUE as an unsigned Number, in its range.
  template <typename Number>
  Number number(const Json& value, const char* key) const {
    constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<Number>::max());
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > kMax) {
      refuse_type(key, "a whole number of at most " + std::to_string(kMax));
    }
    return static_cast<Number>(value.get<std::uint64_t>());
  }

  [[noreturn]] void refuse_named(const std::string& key, const std::string& text,
                                 const std::string& wanted) const {
    refuse("\"" + where_ + key + "\" is \"" + text + "\", not " + wanted);
  }

  [[noreturn]] void refuse_type(const std::string& key, const std::string& wanted) const {
    refuse("\"" + where_ + key + "\" is not " + wanted);
  }

  void refuse_unknown() const {
    for (const auto& [key, value] : object_.items()) {
      if (!known_.contains(key)) refuse("unknown key \"" + where_ + key + "\"");
    }
  }

 private:
  const Json* find(const char* key, bool required) {
    known_.insert(key);
    const auto found = object_.find(key);
    if (found != object_.end()) return &*found;
    if (required) refuse("\"" + where_ + key + "\" is missing");
    return nullptr;
  }

  const Json& object_;
  std::string where_;
  std::set<std::string, std::less<>> known_;
};

}  // namespace hive::cell::config_json
