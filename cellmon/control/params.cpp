#include "cellmon/control/params.h"

#include <algorithm>

#include "cellmon/wire/base64.h"

namespace hive::control {

const wire::Json* Params::find(const char* name) {
  known_.emplace_back(name);
  const auto found = params_.find(name);
  return found == params_.end() ? nullptr : &*found;
}

void Params::refuse(const std::string& why) {
  if (fault_.empty()) fault_ = why;
}

bool Params::boolean(const char* name, bool missing) {
  const wire::Json* value = find(name);
  if (value == nullptr) return missing;
  if (!value->is_boolean()) {
    refuse(std::string(name) + " is not true or false");
    return missing;
  }
  return value->get<bool>();
}

std::uint64_t Params::number(const char* name, std::uint64_t missing, std::uint64_t max) {
  const wire::Json* value = find(name);
  if (value == nullptr) return missing;
  if (!value->is_number_unsigned() || value->get<std::uint64_t>() > max) {
    refuse(std::string(name) + " is not a whole number from 0 to " + std::to_string(max));
    return missing;
  }
  return value->get<std::uint64_t>();
}

std::uint64_t Params::required_number(const char* name, std::uint64_t max) {
  if (!params_.contains(name)) refuse(std::string(name) + " is missing");
  return number(name, 0, max);
}

std::string Params::text(const char* name, const char* missing) {
  const wire::Json* value = find(name);
  if (value == nullptr) return missing;
  if (!value->is_string()) {
    refuse(std::string(name) + " is not a string");
    return missing;
  }
  return value->get<std::string>();
}

std::string Params::required_text(const char* name) {
  if (!params_.contains(name)) refuse(std::string(name) + " is missing");
  return text(name, "");
}

std::optional<std::string> Params::optional_text(const char* name) {
  if (!params_.contains(name)) {
    known_.emplace_back(name);
    return std::nullopt;
  }
  return text(name, "");
}

std::string Params::bytes(const char* name) {
  const auto decoded = wire::decode_base64(text(name, ""));
  if (!decoded) refuse(std::string(name) + " is not base64");
  return decoded.value_or("");
}

std::map<std::string, std::string> Params::texts(const char* name) {
  const wire::Json* value = find(name);
  if (value == nullptr) return {};
  const auto is_text = [](const wire::Json& element) { return element.is_string(); };
  if (!value->is_object() || !std::all_of(value->begin(), value->end(), is_text)) {
    refuse(std::string(name) + " is not an object of strings");
    return {};
  }
  return value->get<std::map<std::string, std::string>>();
}

std::vector<std::string> Params::words(const char* name) {
  const wire::Json* value = find(name);
  const auto is_text = [](const wire::Json& element) { return element.is_string(); };
  if (value == nullptr || !value->is_array() || value->empty() ||
      !std::all_of(value->begin(), value->end(), is_text)) {
    refuse(std::string(name) + " is not an array of strings, at least one");
    return {};
  }
  return value->get<std::vector<std::string>>();
}

std::string Params::fault() {
  for (const auto& [name, value] : params_.items()) {
    if (std::find(known_.begin(), known_.end(), name) == known_.end()) {
      refuse("unknown parameter " + name.substr(0, 64));
    }
  }
  return fault_;
}

}  // namespace hive::control
