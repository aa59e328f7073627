// A report as a sequence of parts, and its two forms.
#pragma once

#include <string>
#include <variant>
#include <vector>

namespace hive::campaign {

struct Heading {
  std::string text;
};

struct Paragraph {
  std::string text;
};

struct Table {
  std::vector<std::string> head;
  std::vector<std::vector<std::string>> rows;  ///< As wide as the head.
};

/// A picture. Markdown leaves it out: a table beside it has its figures.
struct Figure {
  std::string caption;
  std::string svg;
};

using Part = std::variant<Heading, Paragraph, Table, Figure>;

struct Document {
  std::string title;
  std::vector<Part> parts;
};

std::string to_markdown(const Document& document);
/// One page that needs no other file.
std::string to_html(const Document& document);

/// TEXT for HTML and SVG.
std::string escape(const std::string& text);

}  // namespace hive::campaign
