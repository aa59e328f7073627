#include "guests/ctl/spot.h"

#include "guests/ctl/numbers.h"

namespace hive::ctl {

Spot find_spot(Session& session, const std::string& place_text, const std::string& offset_text) {
  session.mapping = HIVE_MAP_BEST;
  const auto offset = parse_bytes(offset_text);
  if (!offset) {
    throw Error("offset \"" + offset_text + "\" is not a number of bytes", Error::Kind::kUsage);
  }
  const Place place = session.place(place_text, Home::kAny);
  if (*offset >= place.size) throw Error("offset " + offset_text + " is past the place's end");
  return {place.home, place.offset + *offset};
}

}  // namespace hive::ctl
