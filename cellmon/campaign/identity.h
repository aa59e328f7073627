// What a campaign's runs have to have in common so that one report can count them together, beside
// what each record says of its own draw.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "cellmon/campaign/campaign.h"

namespace hive::campaign {

/// Each line names one thing and has a digest of it: the workload with the reference copies that
/// it was given (their CONTENTS), and the text of the PLAN.
std::string identity_of(const Campaign& campaign, std::string_view plan,
                        std::span<const std::string> contents);

/// What differs between two identities, "the plan" or "the workload and the plan"; empty where
/// nothing does. Takes whatever a file may hold.
std::string identity_difference(std::string_view one, std::string_view other);

}  // namespace hive::campaign
