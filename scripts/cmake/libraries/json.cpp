// JSON's usual class, compiled once (json_once.h).
#include <nlohmann/json.hpp>

template class nlohmann::basic_json<>;
