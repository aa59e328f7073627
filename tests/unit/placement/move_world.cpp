#include "tests/unit/placement/move_world.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace hive::placement {
namespace {

using firewall::CellRights;
using firewall::Contribution;
using firewall::Force;
using firewall::PageRange;
using firewall::Section;
using firewall::SectionId;
using firewall::SectionRights;
using firewall::Stage;
using firewall::Verdict;
using mesh::MoveWord;

constexpr Time kStep = 50'000'000;
constexpr Time kChaos = 40'000'000'000;
constexpr Time kCalm = 60'000'000'000;
constexpr const char* kName = "s";

unsigned at(CellId cell) { return static_cast<unsigned>(cell); }
CellId cell_of(unsigned index) { return CellId{static_cast<std::uint8_t>(index)}; }

}  // namespace

MoveSite::MoveSite(MoveWorld& of, CellId own, std::uint64_t life, std::uint64_t epoch)
    : world(of),
      self(own),
      contribution(own, kHomePages),
      content(std::make_shared<std::vector<std::uint64_t>>(kHomePages)),
      departure(own, life, *this),
      arrivals(*this),
      epoch_(epoch) {
  contribution.set_hosting(kHostedPages);
}

void MoveSite::send(CellId to, const MoveWord& word, const SectionRights* rights) {
  MoveWorld& w = world;
  const unsigned copies = w.is_calm_ ? 1
                                     : (w.random_.percent(20)   ? 0
                                        : w.random_.percent(15) ? 2
                                                                : 1);
  for (unsigned copy = 0; copy < copies; ++copy) {
    const Time delay =
        w.is_calm_ ? 0 : w.random_.below(w.random_.percent(10) ? 4'000 : 400) * 1'000'000;
    std::optional<SectionRights> with;
    if (rights != nullptr) with = *rights;
    w.letters_.push_back({self, w.life_of_[at(self)], to, w.life_of_[at(to)], word, std::move(with),
                          w.now_ + delay});
  }
}

firewall::Result<firewall::FrozenSection> MoveSite::freeze(SectionId section) {
  auto frozen = contribution.freeze_section(section);
  if (!frozen.ok()) return frozen;
  world.frozen_ = frozen.value().rights;
  return frozen;
}

void MoveSite::forward(SectionId section, CellId home, SectionId to, const PageRange& place) {
  (void)contribution.forward_section(section, home, to, place);
  if (world.truth_.home != self) world.fault("a home switched that had no section");
  world.truth_.left = self;
  world.truth_.home = home;
  const auto coming = world.site(home).contribution.sections().find(to);
  if (!coming || coming->stage != Stage::kComing) world.lose(home);
}

void MoveSite::ended(const MoveEnd& end) { ++(end.moved ? world.moved : world.not_moved); }

firewall::Result<Section> MoveSite::reserve(const MoveWord& offer) {
  const auto made =
      contribution.reserve_section(offer.name.data(), offer.pages, {true, cell_of(offer.creator)});
  drops_then_ = drops_;
  if (!made.ok()) return made.refusal();
  return made.value().section;
}

void MoveSite::copy(CellId from, const PageRange& theirs, const PageRange& ours) {
  const Time takes = world.random_.below(1'000) * 1'000'000;
  jobs[at(from)] = Job{theirs, ours, world.now_ + takes, world.site(from).content};
}

Incarnation MoveSite::incarnation(CellId cell) const { return world.incarnations_[at(cell)]; }

void MoveSite::release(SectionId section) {
  contribution.release_section(section);
  MoveWorld::Truth& truth = world.truth_;
  if (!truth.exists || truth.home != self) return;
  // Its source had left it here, and could not say so any more.
  if ((out >> at(truth.left) & 1) == 0) world.fault("gave up what its source has left");
  ++world.given_up;
  world.lose(self);
}

bool MoveSite::admit(CellId from, SectionId section, const SectionRights& rights,
                     const SectionRights& lost) {
  const auto coming = contribution.sections().find(section);
  const Section here = contribution.admit_section(section, rights);
  if (!coming || here.stage != Stage::kHere) world.fault("what was reserved is gone");
  MoveWorld::Truth& truth = world.truth_;
  if (truth.home == from) world.fault("published what its source has not left");
  if (!truth.exists || truth.home != self) world.fault("published what is elsewhere");
  for (const CellRights& each : lost) {
    if (drops_[at(each.cell)] == drops_then_[at(each.cell)]) {
      world.fault("took the rights of a cell that lives");
    }
    if ((out >> at(each.cell) & 1) == 0) continue;
    for (const PageRange& range : each.written) {
      for (auto page = range.first; page < range.end(); ++page) {
        (*content)[here.range.first + page] = truth.content[page] = 0;
      }
    }
  }
  SectionRights expected = world.frozen_;
  std::erase_if(expected, [&](const CellRights& each) {
    return each.cell == self || firewall::holders_of(lost).contains(each.cell);
  });
  SectionRights given = firewall::rights_of(contribution.ledger(), here.range);
  std::erase_if(given, [&](const CellRights& each) {
    return each.cell == from && here.creator == from;  // As home it could write all of it.
  });
  if (given != expected) world.fault("the rights are others than before");
  return true;
}

void MoveSite::drop(CellId cell, bool has_failed) {
  const firewall::Revocation lost = contribution.drop_cell(cell);
  ++drops_[at(cell)];
  const auto section = contribution.sections().find(kName);
  if (has_failed && section) {
    for (const PageRange& range : lost.opened) {
      for (auto page = range.first; page < range.end(); ++page) {
        if (page < section->range.first || page >= section->range.end()) continue;
        (*content)[page] = 0;
        if (section->stage != Stage::kComing && world.truth_.home == self) {
          world.truth_.content[page - section->range.first] = 0;
        }
      }
    }
  }
  departure.dropped(cell, world.now_);
  arrivals.dropped(cell);
}

void MoveSite::take_view(std::uint64_t epoch, CellId cell, bool is_in) {
  epoch_ = std::max(epoch_, epoch);
  const std::uint64_t bit = std::uint64_t{1} << at(cell);
  out = is_in ? out & ~bit : out | bit;
  if (!is_in) {
    drop(cell, true);
    arrivals.gone(cell);
    departure.gone(cell);
  }
  departure.view_changed(world.now_);
}

void MoveSite::restart_guest() {
  (void)contribution.clear();
  departure.sections_ended(world.now_);
  arrivals.sections_ended();
}

void MoveSite::tick() {
  departure.tick(world.now_);
  arrivals.tick(world.now_);
}

MoveWorld::MoveWorld(std::uint64_t seed) : random_(seed), seed_(seed) {
  for (unsigned cell = 0; cell < kHomes; ++cell) {
    lives_[cell] = true;
    life_of_[cell] = incarnations_[cell] = 1;
    sites_[cell] = std::make_unique<MoveSite>(*this, cell_of(cell), 1, epoch_);
  }
  creator_ = any_cell();
  truth_.home = any_cell();
  MoveSite& home = site(truth_.home);
  const auto made = home.contribution.create_section(kName, kSectionPages, {true, creator_});
  for (unsigned cell = 0; cell < kHomes; ++cell) {
    const PageRange pages{made.value().section.range.first + random_.below(4),
                          1 + random_.below(4)};
    (void)home.contribution.ledger().grant(cell_of(cell), pages);
  }
}

void MoveWorld::fault(const std::string& what) {
  faults.push_back(fmt::format("seed {}, {} ms: {}", seed_, now_ / 1'000'000, what));
}

void MoveWorld::run() {
  while (now_ < kChaos) {
    happen();
    step();
  }
  is_calm_ = true;
  for (unsigned cell = 0; cell < kHomes; ++cell) {
    if (!is_up(cell_of(cell))) bring_back(cell_of(cell));
  }
  while (now_ < kChaos + kCalm) step();
  check_end();
}

void MoveWorld::step() {
  now_ += kStep;
  deliver_views();
  deliver();
  finish_copies();
  for (unsigned cell = 0; cell < kHomes; ++cell) {
    if (lives_[cell]) sites_[cell]->tick();
  }
  check();
}

void MoveWorld::happen() {
  for (unsigned i = 0; i < 4; ++i) write();
  if (random_.percent(20)) change_rights();
  if (random_.percent(30)) begin_move();
  if (!random_.percent(2)) return;
  const CellId cell = any_cell();
  if (!is_up(cell)) return bring_back(cell);
  if (random_.percent(30)) return restart(cell);
  // One at a time: it takes two of three to agree.
  const bool are_all_up = is_up(cell_of(0)) && is_up(cell_of(1)) && is_up(cell_of(2));
  if (!views_.empty() || !are_all_up) return;
  random_.percent(50) ? end_cell(cell) : evict(cell);
}

void MoveWorld::write() {
  const CellId writer = any_cell();
  const CellId home = any_cell();
  if (!is_up(writer) || !is_up(home) || (site(writer).out >> at(home) & 1) != 0) return;
  MoveSite& there = site(home);
  const auto section = there.contribution.sections().find(kName);
  if (!section || section->stage == Stage::kComing) return;
  // Nothing keeps home's programs from writing, but they have to have it open, and then it stays.
  if (writer == home && section->stage == Stage::kLeaving) return;
  const auto page = random_.below(kSectionPages);
  const auto place = section->range.first + page;
  if (there.contribution.ledger().open_for_write(writer, place) == Verdict::kDenied) return;
  if (truth_.home != home) return fault("a write went to a home that is none");
  (*there.content)[place] = truth_.content[page] = ++last_value_;
}

void MoveWorld::change_rights() {
  const CellId home = truth_.home;
  if (!truth_.exists || !is_up(home)) return;
  const auto section = site(home).contribution.sections().find(kName);
  if (!section || section->stage == Stage::kComing) return;
  const CellId cell = any_cell();
  if (!is_up(cell) || (site(home).out >> at(cell) & 1) != 0) return;
  const PageRange pages{section->range.first + random_.below(6), 1 + random_.below(2)};
  if (random_.percent(60)) {
    (void)site(home).contribution.ledger().grant(cell, pages);
  } else {
    (void)site(home).contribution.ledger().revoke(cell, pages);
  }
}

void MoveWorld::begin_move() {
  const CellId from = any_cell();
  const CellId to = any_cell();
  if (from == to || !is_up(from) || site(from).departure.is_busy()) return;
  if ((site(from).out >> at(to) & 1) != 0) return;
  const auto section = site(from).contribution.sections().find(kName);
  if (section && section->stage == Stage::kHere) site(from).departure.begin(*section, to, now_);
}

void MoveWorld::lose(CellId home) {
  if (truth_.home != home || !truth_.exists) return;
  truth_.exists = false;
  ++losses;
}

void MoveWorld::end_cell(CellId cell) {
  lives_[at(cell)] = false;
  tell_view(cell, false);
}

void MoveWorld::evict(CellId cell) {
  lose(cell);
  site(cell).is_evicted = true;
  site(cell).restart_guest();
  tell_view(cell, false);
}

void MoveWorld::settle_views() {
  for (const ViewNews& news : std::exchange(views_, {})) {
    if (lives(news.at)) site(news.at).take_view(news.epoch, news.about, news.is_in);
  }
}

void MoveWorld::bring_back(CellId cell) {
  settle_views();
  if (lives(cell)) {
    site(cell).is_evicted = false;
    ++incarnations_[at(cell)];
    tell_view(cell, true);
    return site(cell).take_view(epoch_, cell, true);
  }
  if (truth_.home == cell) lose(cell);
  ++life_of_[at(cell)];
  ++incarnations_[at(cell)];
  lives_[at(cell)] = true;
  sites_[at(cell)] = std::make_unique<MoveSite>(*this, cell, life_of_[at(cell)], epoch_);
  tell_view(cell, true);
  sites_[at(cell)]->take_view(epoch_, cell, true);
}

void MoveWorld::restart(CellId cell) {
  ++incarnations_[at(cell)];
  lose(cell);
  site(cell).restart_guest();
  for (unsigned other = 0; other < kHomes; ++other) {
    if (lives_[other] && cell_of(other) != cell) sites_[other]->drop(cell, false);
  }
}

void MoveWorld::tell_view(CellId about, bool is_in) {
  ++epoch_;
  for (unsigned cell = 0; cell < kHomes; ++cell) {
    if (cell_of(cell) == about || !lives_[cell]) continue;
    views_.push_back({cell_of(cell), about, is_in, epoch_, now_ + random_.below(800) * 1'000'000});
  }
}

void MoveWorld::deliver_views() {
  std::vector<ViewNews> later;
  for (const ViewNews& news : std::exchange(views_, {})) {
    if (news.due > now_) {
      later.push_back(news);
    } else if (lives(news.at)) {
      site(news.at).take_view(news.epoch, news.about, news.is_in);
    }
  }
  views_.insert(views_.end(), later.begin(), later.end());
}

void MoveWorld::deliver() {
  std::vector<Letter> due;
  std::vector<Letter> later;
  for (Letter& letter : letters_) (letter.due <= now_ ? due : later).push_back(std::move(letter));
  letters_ = std::move(later);
  for (const Letter& letter : due) {
    // Links are between processes, and nobody listens to who is out.
    if (!lives(letter.to) || letter.to_life != life_of_[at(letter.to)]) continue;
    if ((site(letter.to).out >> at(letter.from) & 1) != 0) continue;
    MoveSite& to = site(letter.to);
    to.departure.hear(letter.from, letter.word, now_);
    if (letter.word.step == mesh::MoveStep::kOffer || letter.word.step == mesh::MoveStep::kCopy ||
        letter.word.step == mesh::MoveStep::kPublish ||
        letter.word.step == mesh::MoveStep::kCancel) {
      to.arrivals.hear(letter.from, letter.word, letter.rights, now_);
    }
  }
}

void MoveWorld::finish_copies() {
  for (unsigned cell = 0; cell < kHomes; ++cell) {
    if (!lives_[cell]) continue;
    MoveSite& to = *sites_[cell];
    for (unsigned from = 0; from < kHomes; ++from) {
      if (!to.jobs[from] || to.jobs[from]->due > now_) continue;
      const MoveSite::Job job = *std::exchange(to.jobs[from], std::nullopt);
      for (std::uint64_t page = 0; page < job.ours.count; ++page) {
        (*to.content)[job.ours.first + page] = (*job.file)[job.theirs.first + page];
      }
      to.arrivals.copied(cell_of(from), is_calm_ || !random_.percent(5));
    }
  }
}

void MoveWorld::check() {
  unsigned homes = 0;
  for (unsigned cell = 0; cell < kHomes; ++cell) {
    if (!lives_[cell]) continue;
    const auto section = sites_[cell]->contribution.sections().find(kName);
    if (!section || section->stage == Stage::kComing) continue;
    ++homes;
    if (truth_.home != cell_of(cell) || !truth_.exists) fault("a home that should be none");
    for (std::uint64_t page = 0; page < kSectionPages; ++page) {
      if ((*sites_[cell]->content)[section->range.first + page] == truth_.content[page]) continue;
      fault(fmt::format("page {} is not what was written", page));
    }
  }
  if (homes > 1) fault("two homes");
}

/// Who has the section has its pages to account for, unless it made it; nobody else has any.
void MoveWorld::check_hosted() {
  for (unsigned cell = 0; cell < kHomes; ++cell) {
    const bool hosts = truth_.exists && truth_.home == cell_of(cell) && creator_ != cell_of(cell);
    if (sites_[cell]->contribution.sections().hosted() != (hosts ? kSectionPages : 0)) {
      fault("the quota does not balance");
    }
  }
}

void MoveWorld::check_end() {
  for (unsigned cell = 0; cell < kHomes; ++cell) {
    const MoveSite& site = *sites_[cell];
    if (site.departure.is_busy() || site.arrivals.is_busy()) fault("a move never ends");
    for (const Section& section : site.contribution.sections().list()) {
      if (section.stage != Stage::kHere) fault("a section is on its way for ever");
    }
    for (std::uint64_t page = 0; page < kHomePages; ++page) {
      if (site.contribution.ledger().is_frozen(page)) return fault("a page is frozen for ever");
    }
  }
  check_hosted();
  const bool is_there = site(truth_.home).contribution.sections().find(kName).has_value();
  if (truth_.exists && !is_there) fault("the section is lost though its home lives");
}

}  // namespace hive::placement
