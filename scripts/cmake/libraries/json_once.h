// Has no source file compile JSON's usual class for itself: json.cpp does.
#pragma once

#include <nlohmann/json.hpp>

extern template class nlohmann::basic_json<>;
