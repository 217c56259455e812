// What is wrong in a file that the operator wrote, where, and what would be right.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/model/ids.hpp"

namespace haven::file {

// Counted from 1; a column is a character.
struct Position {
  int line = 1;
  int column = 1;
  friend auto operator<=>(const Position&, const Position&) = default;
};

template <class T>
struct Located {
  T value{};
  Position at;
};

struct FileError {
  std::string file;
  int line = 1;
  int column = 1;
  std::string what;
  std::string wanted;
  friend bool operator==(const FileError&, const FileError&) = default;
};

// file:line:column: what; would be right: wanted
[[nodiscard]] std::string to_string(const FileError& error);

// Gathers every error of one file.
class Problems {
 public:
  explicit Problems(std::string file) : file_(std::move(file)) {}
  void add(Position at, std::string what, std::string wanted);
  [[nodiscard]] bool empty() const { return errors_.empty(); }
  // In order of position, those of one position in the order in which they were found.
  [[nodiscard]] std::vector<FileError> in_order() const;
  [[nodiscard]] const std::string& file() const { return file_; }

 private:
  std::string file_;
  std::vector<FileError> errors_;
};

}  // namespace haven::file
