// Bytes and objects in global memory.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <istream>
#include <iterator>
#include <memory>
#include <ostream>
#include <vector>

#include "guests/abi/careful_object.h"
#include "guests/ctl/commands.h"
#include "guests/ctl/numbers.h"
#include "vmm/base/units.h"

namespace hive::ctl {
namespace {

constexpr std::uint64_t kMostOfObject = 64 * kMiB;

struct Options {
  std::string place;
  std::string offset;
  std::string size;
  std::string tag;
};

std::uint64_t bytes_of(const std::string& text, const char* what) {
  const auto bytes = parse_bytes(text);
  if (!bytes) {
    throw Error(
        fmt::format("{} \"{}\" is not a number of bytes, such as 64, 0x40 or 4KiB", what, text),
        Error::Kind::kUsage);
  }
  return *bytes;
}

std::uint32_t tag_of(const std::string& text) {
  const auto tag = parse_number(text);
  if (!tag || *tag == HIVE_CAREFUL_NO_TAG || *tag >= HIVE_CAREFUL_GONE_TAG) {
    throw Error("a tag is a number from 1 to 0xfffffffe, not \"" + text + "\"",
                Error::Kind::kUsage);
  }
  return static_cast<std::uint32_t>(*tag);
}

/// PLACE from OFFSET on.
Place part_of(Session& session, const Options& options) {
  const std::uint64_t offset = bytes_of(options.offset, "offset");
  Place place = session.place(options.place, Home::kAny);
  if (offset > place.size) {
    throw Error(fmt::format("offset {} is past the end of {}, which has {}", options.offset,
                            options.place, format_size(place.size)));
  }
  place.offset += offset;
  place.size -= offset;
  return place;
}

void check_room(const Place& place, std::uint64_t size, const Options& options) {
  if (size <= place.size) return;
  throw Error(fmt::format("{} bytes from offset {} reach past the end of {}", size, options.offset,
                          options.place));
}

void read(Session& session, const Options& options) {
  session.flags = HIVE_READ_ONLY;
  Place place = part_of(session, options);
  const std::uint64_t size = bytes_of(options.size, "size");
  check_room(place, size, options);
  std::vector<char> piece(static_cast<std::size_t>(std::min(size, kMiB)));
  for (std::uint64_t done = 0; done < size && session.out(); done += piece.size()) {
    piece.resize(static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), size - done)));
    need(session.machine().copy_from(place.home, place.offset + done, piece.data(), piece.size()));
    session.out().write(piece.data(), static_cast<std::streamsize>(piece.size()));
  }
}

/// Plain stores, as any program makes them: one that the firewall refuses ends this program by a
/// signal.
void store(volatile unsigned char* to, const char* from, std::size_t size) {
  while (size > 0 && reinterpret_cast<std::uintptr_t>(to) % 8 != 0) {
    *to++ = static_cast<unsigned char>(*from++);
    --size;
  }
  for (; size >= 8; to += 8, from += 8, size -= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, from, 8);
    *reinterpret_cast<volatile std::uint64_t*>(to) = word;
  }
  for (; size > 0; --size) *to++ = static_cast<unsigned char>(*from++);
}

void write(Session& session, const Options& options) {
  const Place place = part_of(session, options);
  unsigned char* memory = need(session.machine().place(place.home, place.offset, place.size));
  std::array<char, 65536> piece;
  std::uint64_t done = 0;
  while (session.in()) {
    session.in().read(piece.data(), piece.size());
    const auto count = static_cast<std::size_t>(session.in().gcount());
    check_room(place, done + count, options);
    store(memory + done, piece.data(), count);
    done += count;
  }
  if (session.in().bad()) throw Error("cannot read the input");
}

void fetch(Session& session, const Options& options) {
  const std::uint32_t tag = tag_of(options.tag);
  session.flags = HIVE_READ_ONLY;
  const Place place = part_of(session, options);
  const std::uint64_t header = std::min<std::uint64_t>(sizeof(hive_careful_header), place.size);
  std::vector<char> content(static_cast<std::size_t>(std::min(place.size - header, kMostOfObject)));
  const hive_object object = need(session.machine().careful_read(place.home, place.offset, tag, 0,
                                                                 content.data(), content.size()));
  session.out().write(content.data(), static_cast<std::streamsize>(object.length));
}

void publish(Session& session, const Options& options) {
  const std::uint32_t tag = tag_of(options.tag);
  const Place place = part_of(session, options);
  const std::string content{std::istreambuf_iterator<char>(session.in()), {}};
  if (session.in().bad()) throw Error("cannot read the input");
  check_room(place, sizeof(hive_careful_header) + align_up(content.size(), 8), options);
  const hive_page page =
      need(session.machine().page(place.home, nullptr, place.offset / kPageSize));
  need(session.machine().careful_publish(place.home, place.offset, tag, page.generation,
                                         content.data(), content.size()));
}

enum class Extra : std::uint8_t { kNone, kSize, kTag };

void add(CLI::App& app, Session& session, const char* name, const char* about, Extra extra,
         void (*work)(Session&, const Options&)) {
  CLI::App* command = app.add_subcommand(name, about);
  const auto options = std::make_shared<Options>();
  command->add_option("PLACE", options->place)->required();
  command->add_option("OFFSET", options->offset, "In bytes, from the place's start")->required();
  if (extra == Extra::kSize) {
    command->add_option("SIZE", options->size, "In bytes")->required();
  } else if (extra == Extra::kTag) {
    command->add_option("TAG", options->tag, "What kind of object: 1 to 0xfffffffe")->required();
  }
  command->callback([&session, options, work] {
    session.mapping = HIVE_MAP_BEST;
    work(session, *options);
  });
}

}  // namespace

void add_read(CLI::App& app, Session& session) {
  add(app, session, "read", "Copy bytes to standard output", Extra::kSize, read);
}

void add_write(CLI::App& app, Session& session) {
  add(app, session, "write",
      "Store standard input; SIGSEGV or SIGBUS ends it where the firewall refuses", Extra::kNone,
      write);
}

void add_fetch(CLI::App& app, Session& session) {
  add(app, session, "fetch", "Read an object with care, to standard output", Extra::kTag, fetch);
}

void add_publish(CLI::App& app, Session& session) {
  add(app, session, "publish", "Make an object of standard input that can be read with care",
      Extra::kTag, publish);
}

}  // namespace hive::ctl
