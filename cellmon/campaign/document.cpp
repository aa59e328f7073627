#include "cellmon/campaign/document.h"

#include <fmt/format.h>

namespace hive::campaign {
namespace {

constexpr const char* kStyle = R"(
:root { color-scheme: light dark; --ink: #1c2733; --soft: #5b6b7b; --line: #d5dde5; --ground: #ffffff; --band: #f4f7fa; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --soft: #9aa7b4; --line: #38434e; --ground: #12181f; --band: #1a222b; }
}
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground); max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.7rem; } h2 { font-size: 1.25rem; margin-top: 2.2rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--line); padding: 0.3rem 0.7rem; text-align: right; vertical-align: top; }
th:first-child, td:first-child { text-align: left; }
thead th { color: var(--soft); font-weight: 600; }
tbody tr:nth-child(even) { background: var(--band); }
figure { margin: 1.2rem 0; } figcaption { color: var(--soft); font-size: 0.9rem; }
svg { max-width: 100%; height: auto; } svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
svg .soft { fill: var(--soft); } svg .grid { stroke: var(--line); } svg .axis { stroke: var(--soft); }
)";

std::string cell_of(const std::string& text) {
  std::string cell;
  for (const char each : escape(text)) {
    if (each == '|' || each == '\\') cell += '\\';
    cell += each == '\n' ? ' ' : each;
  }
  return cell;
}

std::string row_of(const std::vector<std::string>& cells) {
  std::string row = "|";
  for (const std::string& cell : cells) row += " " + cell_of(cell) + " |";
  return row + "\n";
}

struct Markdown {
  std::string operator()(const Heading& heading) const { return "## " + heading.text + "\n\n"; }
  std::string operator()(const Paragraph& paragraph) const { return paragraph.text + "\n\n"; }
  std::string operator()(const Table& table) const {
    std::string text = row_of(table.head) + "|---|";
    for (std::size_t i = 1; i < table.head.size(); ++i) text += "---:|";
    text += "\n";
    for (const auto& row : table.rows) text += row_of(row);
    return text + "\n";
  }
  std::string operator()(const Figure& /*figure*/) const { return {}; }
};

struct Html {
  std::string operator()(const Heading& heading) const {
    return fmt::format("<h2>{}</h2>\n", escape(heading.text));
  }
  std::string operator()(const Paragraph& paragraph) const {
    return fmt::format("<p>{}</p>\n", escape(paragraph.text));
  }
  std::string operator()(const Table& table) const {
    std::string text = "<div class=\"scroll\"><table><thead><tr>";
    for (const std::string& cell : table.head) text += "<th>" + escape(cell) + "</th>";
    text += "</tr></thead><tbody>\n";
    for (const auto& row : table.rows) {
      text += "<tr>";
      for (const std::string& cell : row) text += "<td>" + escape(cell) + "</td>";
      text += "</tr>\n";
    }
    return text + "</tbody></table></div>\n";
  }
  std::string operator()(const Figure& figure) const {
    return fmt::format("<figure>{}<figcaption>{}</figcaption></figure>\n", figure.svg,
                       escape(figure.caption));
  }
};

}  // namespace

std::string escape(const std::string& text) {
  std::string safe;
  for (const char each : text) {
    switch (each) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      default:
        safe += each;
    }
  }
  return safe;
}

std::string to_markdown(const Document& document) {
  std::string text = "# " + document.title + "\n\n";
  for (const Part& part : document.parts) text += std::visit(Markdown{}, part);
  text.pop_back();
  return text;
}

std::string to_html(const Document& document) {
  std::string text = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<meta name=\"viewport\" "
      "content=\"width=device-width, initial-scale=1\">\n<title>{0}</title><style>{1}</style>"
      "</head>\n<body>\n<h1>{0}</h1>\n",
      escape(document.title), kStyle);
  for (const Part& part : document.parts) text += std::visit(Html{}, part);
  return text + "</body></html>\n";
}

}  // namespace hive::campaign
