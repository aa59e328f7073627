#include "cellmon/campaign/plots.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "cellmon/campaign/document.h"

namespace hive::campaign {
namespace {

constexpr double kWidth = 900;
constexpr double kLeft = 290;  ///< For names.
constexpr double kRight = 90;
constexpr double kRow = 28;
constexpr double kTop = 30;

// Okabe and Ito's colours, which those tell apart too who see fewer.
constexpr std::array<const char*, 7> kColours{"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                              "#e69f00", "#56b4e9", "#8a8a8a"};

struct Shade {
  Outcome outcome;
  const char* colour;
};
constexpr std::array<Shade, 5> kShades{{{Outcome::kContained, "#009e73"},
                                        {Outcome::kUndetected, "#56b4e9"},
                                        {Outcome::kNotRestored, "#e69f00"},
                                        {Outcome::kRefused, "#8a8a8a"},
                                        {Outcome::kEscaped, "#d55e00"}}};

std::string open(double width, double height, const std::string& label) {
  return fmt::format(
      "<svg viewBox=\"0 0 {:.0f} {:.0f}\" width=\"{:.0f}\" role=\"img\" "
      "aria-label=\"{}\">",
      width, height, width, escape(label));
}

std::string text(double x, double y, const std::string& what, const char* anchor = "start",
                 const char* kind = "") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" class=\"{}\">{}</text>", x,
                     y, anchor, kind, escape(what));
}

std::string line(double x1, double y1, double x2, double y2, const char* kind) {
  return fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" class=\"{}\"/>",
                     x1, y1, x2, y2, kind);
}

std::string bar(double x, double y, double width, double height, const char* colour,
                const std::string& title) {
  return fmt::format(
      "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" "
      "fill=\"{}\"><title>{}</title></rect>",
      x, y, width, height, colour, escape(title));
}

/// PART in percent, by two digits.
std::string rough_percent(double part) {
  return part < 0.995 ? fmt::format("{:.2g} %", part * 100) : "100 %";
}

/// NAME, as far as there is room for it.
std::string shorten(const std::string& name) {
  constexpr std::size_t kLongest = 43;
  if (name.size() <= kLongest) return name;
  std::size_t end = kLongest - 3;
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xc0) == 0x80) --end;
  return name.substr(0, end) + "...";
}

/// A logarithmic axis over whole decades.
class LogAxis {
 public:
  LogAxis(double least, double most, double left, double right)
      : low_(std::floor(std::log10(least))), left_(left), right_(right) {
    high_ = std::max(std::ceil(std::log10(most)), low_ + 1);
  }

  [[nodiscard]] double at(double value) const {
    const double part = (std::log10(value) - low_) / (high_ - low_);
    return left_ + std::clamp(part, 0.0, 1.0) * (right_ - left_);
  }

  /// Grid lines from TOP to BOTTOM, with their values below, in UNIT.
  [[nodiscard]] std::string draw(double top, double bottom, double scale, const char* unit) const {
    std::string svg;
    for (double decade = low_; decade <= high_; ++decade) {
      const double value = std::pow(10, decade);
      svg += line(at(value), top, at(value), bottom, "grid");
      svg += text(at(value), bottom + 16, fmt::format("{:g}{}", value * scale, unit), "middle",
                  "soft");
    }
    return svg;
  }

 private:
  double low_;
  double high_ = 0;
  double left_;
  double right_;
};

std::string legend(const std::vector<std::pair<std::string, const char*>>& entries, double y) {
  constexpr double kPerLetter = 7.5;
  std::string svg;
  double x = kLeft;
  for (const auto& [name, colour] : entries) {
    svg += bar(x, y - 10, 12, 12, colour, name) + text(x + 17, y, name);
    x += 34 + kPerLetter * static_cast<double>(name.size());
  }
  return svg;
}

}  // namespace

std::string plot_outcomes(const Statistics& statistics) {
  const double height = kTop + kRow * static_cast<double>(statistics.groups.size()) + 8;
  std::string svg = open(kWidth, height, "outcomes by class of fault");
  std::vector<std::pair<std::string, const char*>> entries;
  for (const Shade& shade : kShades) {
    if (statistics.all.count(shade.outcome) == 0) continue;
    entries.emplace_back(to_string(shade.outcome), shade.colour);
  }
  svg += legend(entries, 14);
  double y = kTop;
  for (const auto& [name, group] : statistics.groups) {
    svg += text(kLeft - 8, y + 16, shorten(name), "end");
    const std::uint64_t runs = group.injected + group.count(Outcome::kRefused);
    double x = kLeft;
    for (const Shade& shade : kShades) {
      const std::uint64_t count = group.count(shade.outcome);
      if (count == 0) continue;
      const double part = static_cast<double>(count) / static_cast<double>(runs);
      const double width = part * (kWidth - kLeft - kRight);
      svg += bar(x, y + 2, width, kRow - 8, shade.colour,
                 fmt::format("{}: {} {}", name, count, to_string(shade.outcome)));
      x += width;
    }
    svg += text(x + 8, y + 16, std::to_string(runs), "start", "soft");
    y += kRow;
  }
  return svg + "</svg>";
}

std::string plot_distributions(const std::vector<Curve>& curves) {
  constexpr double kPlot = 240;
  constexpr double kLabels = 50;
  constexpr double kNames = 340;
  constexpr double kName = 20;
  constexpr int kPoints = 200;
  double least = curves.front().times->values.front();
  double most = least;
  for (const Curve& curve : curves) {
    least = std::min(least, curve.times->values.front());
    most = std::max(most, curve.times->maximum());
  }
  constexpr double kShortest = 0.001;  // Times are whole microseconds.
  const LogAxis axis(std::max(least, kShortest), std::max(most, kShortest), kLabels,
                     kWidth - kNames);
  const auto height_of = [](double part) { return 10 + (1 - part) * kPlot; };
  const double height = std::max(kPlot + 40, 30 + kName * static_cast<double>(curves.size()));
  std::string svg = open(kWidth, height, "distribution of times");
  svg += axis.draw(height_of(1), height_of(0), 1, " ms");
  for (const double part : {0.0, 0.25, 0.5, 0.75, 1.0}) {
    svg += line(kLabels, height_of(part), kWidth - kNames, height_of(part), "grid");
    svg +=
        text(kLabels - 6, height_of(part) + 4, fmt::format("{:.0f} %", part * 100), "end", "soft");
  }
  for (std::size_t i = 0; i < curves.size(); ++i) {
    const std::size_t place = curves[i].place;
    const char* colour = kColours[place % kColours.size()];
    const Distribution& times = *curves[i].times;
    std::string points;
    for (int point = 0; point <= kPoints; ++point) {
      const double part = static_cast<double>(point) / kPoints;
      points += fmt::format("{:.1f},{:.1f} ", axis.at(std::max(times.quantile(part), kShortest)),
                            height_of(part));
    }
    svg += fmt::format(
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"{}>"
        "<title>{}</title></polyline>",
        points, colour, place < kColours.size() ? "" : " stroke-dasharray=\"5 4\"",
        escape(curves[i].name));
    const double y = 22 + kName * static_cast<double>(i);
    svg += bar(kWidth - kNames + 14, y - 9, 12, 12, colour, curves[i].name);
    svg += text(kWidth - kNames + 31, y + 1,
                fmt::format("{} ({})", shorten(curves[i].name), times.values.size()));
  }
  return svg + "</svg>";
}

std::string plot_bounds(const Statistics& statistics) {
  std::vector<std::pair<std::string, const Summary*>> rows{{"all", &statistics.all}};
  for (const auto& [name, group] : statistics.groups) rows.emplace_back(name, &group);
  double least = 1;
  for (const auto& [name, group] : rows) least = std::min(least, group->escape_bound());
  const double bottom = kTop + kRow * static_cast<double>(rows.size());
  const LogAxis axis(least, 1, kLeft, kWidth - kRight);
  std::string svg = open(kWidth, bottom + 28, "upper bounds on escapes by class of fault");
  svg += axis.draw(kTop - 8, bottom, 100, " %");
  double y = kTop;
  for (const auto& [name, group] : rows) {
    const double bound = group->escape_bound();
    const double middle = y + kRow / 2 - 4;
    svg += text(kLeft - 8, middle + 4, shorten(name), "end");
    svg += line(kLeft, middle, axis.at(bound), middle, "axis");
    svg += fmt::format(
        "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"5\" fill=\"{}\"><title>{}: at most "
        "{:.3g} %</title></circle>",
        axis.at(bound), middle, kColours[0], escape(name), bound * 100);
    const std::uint64_t escapes = group->count(Outcome::kEscaped);
    if (escapes > 0) {
      const double rate = static_cast<double>(escapes) / static_cast<double>(group->injected);
      svg += fmt::format(
          "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"5\" fill=\"{}\"><title>{}: {} of "
          "{} escaped</title></circle>",
          axis.at(rate), middle, kColours[1], escape(name), escapes, group->injected);
    }
    svg += text(axis.at(bound) + 10, middle + 4, rough_percent(bound), "start", "soft");
    y += kRow;
  }
  return svg + "</svg>";
}

}  // namespace hive::campaign
