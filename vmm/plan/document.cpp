#include "vmm/plan/document.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <sstream>
#include <utility>

#include "vmm/base/units.h"
#include "vmm/plan/limits.h"
#include "vmm/plan/text.h"

namespace hive::plan {
namespace {

constexpr std::size_t kLongestMessage = 200;

Position position(const YAML::Mark& mark) {
  if (mark.line < 0 || mark.column < 0) return {};
  return {static_cast<unsigned>(mark.line) + 1, static_cast<unsigned>(mark.column) + 1};
}

/// Carries a fault out of yaml-cpp's parser.
struct Refusal {
  Fault fault;
};

/// Builds the tree from the parser's events. No recursion: open lists and mappings are on a stack.
class TreeBuilder : public YAML::EventHandler {
 public:
  YamlNode take_root() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (std::exchange(started_, true)) {
      refuse(mark, "a second document begins here", "keep one document, the machine, in the file");
    }
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override {
    if (at_key()) refuse_key(mark);
    add(leaf(mark));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    refuse(mark, "aliases (*name) cannot be used",
           "write the value out, or put what cells have in common under 'defaults'");
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                const std::string& value) override {
    refuse_tag(mark, tag);
    YamlNode node = leaf(mark);
    node.kind = YamlNode::Kind::kScalar;
    node.text = value;
    node.quoted = tag == "!";
    add(std::move(node));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    refuse_tag(mark, tag);
    open(mark, YamlNode::Kind::kList);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    refuse_tag(mark, tag);
    open(mark, YamlNode::Kind::kMapping);
  }
  void OnMapEnd() override { close(); }

 private:
  /// A list or mapping whose end has not come yet.
  struct Open {
    YamlNode node;
    std::optional<Entry> entry;  ///< In a mapping: the key whose value comes next.
  };

  [[noreturn]] static void refuse(const YAML::Mark& mark, std::string what, std::string remedy) {
    throw Refusal{{position(mark), std::move(what), std::move(remedy)}};
  }

  [[noreturn]] static void refuse_key(const YAML::Mark& mark) {
    refuse(mark, "a key must be a word", "write 'key: value'");
  }

  static void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    if (tag.empty() || tag == "?" || tag == "!") return;
    refuse(mark, fmt::format("tags ({}) cannot be used", quote(tag)), "remove the tag");
  }

  static YamlNode leaf(const YAML::Mark& mark) {
    YamlNode node;
    node.at = position(mark);
    return node;
  }

  /// Whether what comes next is the key of an entry.
  [[nodiscard]] bool at_key() const {
    return !open_.empty() && open_.back().node.kind == YamlNode::Kind::kMapping &&
           !open_.back().entry;
  }

  void open(const YAML::Mark& mark, YamlNode::Kind kind) {
    if (at_key()) refuse_key(mark);
    if (open_.size() >= kMaxDepth) {
      refuse(mark, fmt::format("lists and mappings are nested more than {} deep", kMaxDepth),
             "write the machine as docs/config-reference.md shows it");
    }
    YamlNode node = leaf(mark);
    node.kind = kind;
    open_.push_back({std::move(node), std::nullopt});
  }

  void close() {
    YamlNode node = std::move(open_.back().node);
    open_.pop_back();
    add(std::move(node));
  }

  void add(YamlNode node) {
    if (open_.empty()) {
      root_ = std::move(node);
    } else if (open_.back().node.kind == YamlNode::Kind::kList) {
      open_.back().node.items.push_back(std::move(node));
    } else if (Open& parent = open_.back(); parent.entry) {
      parent.entry->value = std::move(node);
      parent.node.entries.push_back(std::move(*parent.entry));
      parent.entry.reset();
    } else {
      parent.entry = Entry{std::move(node.text), node.at, {}};
    }
  }

  YamlNode root_;
  std::vector<Open> open_;
  bool started_ = false;
};

Document faulty(Position at, std::string what, std::string remedy) {
  return {std::nullopt, Fault{at, std::move(what), std::move(remedy)}};
}

}  // namespace

Document read_document(std::string_view text) {
  if (text.size() > kMaxFileSize) {
    return faulty({}, "the file is larger than " + format_size(kMaxFileSize),
                  "a machine's file is a few KiB; check that this is one");
  }
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    TreeBuilder builder;
    if (!parser.HandleNextDocument(builder)) {
      return faulty({}, "the file is empty",
                    "describe a machine: 'machine: NAME' and 'cells: [...]'");
    }
    while (parser.HandleNextDocument(builder)) {
    }
    return {builder.take_root(), std::nullopt};
  } catch (Refusal& refusal) {
    return {std::nullopt, std::move(refusal.fault)};
  } catch (const YAML::Exception& error) {
    return faulty(position(error.mark), "not YAML: " + printable(error.msg, kLongestMessage),
                  "check indentation, quotes and brackets up to here");
  }
}

}  // namespace hive::plan
