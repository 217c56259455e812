#include "file/error.hpp"

#include <algorithm>

namespace haven::file {

std::string to_string(const FileError& e) {
  return e.file + ":" + std::to_string(e.line) + ":" + std::to_string(e.column) + ": " + e.what +
         "; would be right: " + e.wanted;
}

void Problems::add(Position at, std::string what, std::string wanted) {
  errors_.push_back({file_, at.line, at.column, std::move(what), std::move(wanted)});
}

std::vector<FileError> Problems::in_order() const {
  std::vector<FileError> sorted = errors_;
  std::stable_sort(sorted.begin(), sorted.end(), [](const FileError& a, const FileError& b) {
    return std::pair(a.line, a.column) < std::pair(b.line, b.column);
  });
  return sorted;
}

}  // namespace haven::file
