//! `strftime_now`, which some chat templates call to put today's date into the system prompt: the local time,
//! as Python's `strftime` writes it on Linux.

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// The widest field: `%1000000d` is no date.
const WIDEST: usize = 100;

/// The local time as `format` asks; an error names a conversion that we do not have.
pub(super) fn strftime_now(format: &str) -> Result<String, String> {
    Moment::now().write(format)
}

/// A time as a clock on the wall shows it.
struct Moment {
    year: i64,
    /// From 1.
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    microsecond: i64,
    /// From Sunday, which is 0.
    weekday: i64,
    /// Seconds since 1970 in UTC.
    unix: i64,
}

#[cfg(target_arch = "wasm32")]
impl Moment {
    fn now() -> Self {
        let now = js_sys::Date::new_0();
        Self {
            year: now.get_full_year().into(),
            month: i64::from(now.get_month()) + 1,
            day: now.get_date().into(),
            hour: now.get_hours().into(),
            minute: now.get_minutes().into(),
            second: now.get_seconds().into(),
            microsecond: i64::from(now.get_milliseconds()) * 1_000,
            weekday: now.get_day().into(),
            unix: (now.get_time() / 1_000.0) as i64,
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl Moment {
    fn now() -> Self {
        Self::at(&chrono::Local::now())
    }

    fn at<Zone: chrono::TimeZone>(time: &chrono::DateTime<Zone>) -> Self {
        use chrono::{Datelike, Timelike};
        let local = time.naive_local();
        Self {
            year: local.year().into(),
            month: local.month().into(),
            day: local.day().into(),
            hour: local.hour().into(),
            minute: local.minute().into(),
            second: local.second().into(),
            microsecond: i64::from(local.nanosecond() / 1_000 % 1_000_000),
            weekday: local.weekday().num_days_from_sunday().into(),
            unix: time.timestamp(),
        }
    }
}

/// How a conversion is laid out: the flags and the width between `%` and its letter.
#[derive(Default)]
struct Layout {
    /// `-` for no padding, `_` for spaces, `0` for zeros.
    padding: Option<char>,
    upper: bool,
    swap: bool,
    width: usize,
}

impl Layout {
    fn number(&self, value: i64, digits: usize, padding: char) -> String {
        let width = digits.max(self.width);
        match self.padding.unwrap_or(padding) {
            '-' => value.to_string(),
            '_' => format!("{value:>width$}"),
            _ => format!("{value:0>width$}"),
        }
    }

    fn text(&self, text: &str) -> String {
        let text = if self.upper || self.swap { text.to_uppercase() } else { text.into() };
        let width = self.width;
        if self.padding == Some('0') { format!("{text:0>width$}") } else { format!("{text:>width$}") }
    }
}

impl Moment {
    fn write(&self, format: &str) -> Result<String, String> {
        let mut out = String::new();
        let mut rest = format;
        while let Some(at) = rest.find('%') {
            out += &rest[..at];
            let conversion = &rest[at + 1..];
            let end = conversion.find(|c: char| !"-_0^#123456789".contains(c));
            let Some(end) = end else { return Err(unknown(conversion)) };
            let letter = conversion[end..].chars().next().unwrap_or(' ');
            let known = layout(&conversion[..end]).and_then(|layout| self.convert(letter, &layout));
            rest = &conversion[end + letter.len_utf8()..];
            out += &known.ok_or_else(|| unknown(&conversion[..end + letter.len_utf8()]))?;
        }
        Ok(out + rest)
    }

    /// What `letter` stands for, if it stands for anything.
    fn convert(&self, letter: char, layout: &Layout) -> Option<String> {
        let hour12 = (self.hour + 11) % 12 + 1;
        let two = |value| layout.number(value, 2, '0');
        let one = |value| layout.number(value, 1, '0');
        let parts = |format: &str| self.write(format).ok().map(|written| layout.text(&written));
        let month = MONTHS[(self.month - 1) as usize];
        let weekday = DAYS[self.weekday as usize];
        let half = if self.hour < 12 { "AM" } else { "PM" };
        Some(match letter {
            'Y' => one(self.year),
            'y' => two(self.year.rem_euclid(100)),
            'C' => two(self.year.div_euclid(100)),
            'G' => one(self.iso_week().0),
            'g' => two(self.iso_week().0.rem_euclid(100)),
            'm' => two(self.month),
            'B' => layout.text(month),
            'b' | 'h' => layout.text(&month[..3]),
            'd' => two(self.day),
            'e' => layout.number(self.day, 2, '_'),
            'j' => layout.number(self.day_of_year() + 1, 3, '0'),
            'A' => layout.text(weekday),
            'a' => layout.text(&weekday[..3]),
            'u' => one((self.weekday + 6) % 7 + 1),
            'w' => one(self.weekday),
            'U' => two((self.day_of_year() + 7 - self.weekday) / 7),
            'W' => two((self.day_of_year() + 7 - (self.weekday + 6) % 7) / 7),
            'V' => two(self.iso_week().1),
            'H' => two(self.hour),
            'I' => two(hour12),
            'k' => layout.number(self.hour, 2, '_'),
            'l' => layout.number(hour12, 2, '_'),
            'M' => two(self.minute),
            'S' => two(self.second),
            'f' => format!("{:06}", self.microsecond),
            's' => one(self.unix),
            'p' if layout.swap => half.to_lowercase(),
            'p' => layout.text(half),
            'P' => layout.text(&half.to_lowercase()),
            'c' => return parts("%a %b %e %H:%M:%S %Y"),
            'D' | 'x' => return parts("%m/%d/%y"),
            'F' => return parts("%Y-%m-%d"),
            'R' => return parts("%H:%M"),
            'r' => return parts("%I:%M:%S %p"),
            'T' | 'X' => return parts("%H:%M:%S"),
            // `datetime.now()` knows no time zone.
            'z' | 'Z' => String::new(),
            'n' => "\n".into(),
            't' => "\t".into(),
            '%' => "%".into(),
            _ => return None,
        })
    }

    /// From 0.
    fn day_of_year(&self) -> i64 {
        let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334][(self.month - 1) as usize];
        before + i64::from(self.month > 2 && is_leap(self.year)) + self.day - 1
    }

    /// The year and the week by ISO 8601: a week belongs to the year of its Thursday.
    fn iso_week(&self) -> (i64, i64) {
        let thursday = self.day_of_year() + 3 - (self.weekday + 6) % 7;
        let days = if is_leap(self.year) { 366 } else { 365 };
        if thursday < 0 {
            let before = if is_leap(self.year - 1) { 366 } else { 365 };
            (self.year - 1, (thursday + before) / 7 + 1)
        } else if thursday >= days {
            (self.year + 1, 1)
        } else {
            (self.year, thursday / 7 + 1)
        }
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Flags and a width; nothing where that is too wide.
fn layout(written: &str) -> Option<Layout> {
    let digits = written.trim_start_matches(['-', '_', '0', '^', '#']);
    let mut layout = Layout::default();
    for flag in written[..written.len() - digits.len()].chars() {
        match flag {
            '^' => layout.upper = true,
            '#' => layout.swap = true,
            padding => layout.padding = Some(padding),
        }
    }
    if !digits.is_empty() {
        layout.width = digits.parse().ok().filter(|width| *width <= WIDEST)?;
    }
    Some(layout)
}

fn unknown(conversion: &str) -> String {
    format!("strftime_now does not know %{conversion}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strftime(format: &str, seconds: i64) -> Result<String, String> {
        Moment::at(&chrono::DateTime::from_timestamp(seconds, 0).unwrap()).write(format)
    }

    #[test]
    fn formats_as_python_does() {
        let all = "%Y %y %m %B %b %d %A %a %H %I %p %M %S %F %T %%";
        assert_eq!(
            strftime(all, 1_709_210_096).unwrap(),
            "2024 24 02 February Feb 29 Thursday Thu 12 12 PM 34 56 2024-02-29 12:34:56 %"
        );
        assert_eq!(strftime("%d %b %Y %I%p", 0).unwrap(), "01 Jan 1970 12AM");
        assert_eq!(strftime("%F", 4_107_542_400).unwrap(), "2100-03-01");
    }

    /// Dates and formats with what Python made of them: `tests/fixtures/chat_templates.py`.
    #[test]
    fn formats_as_recorded() {
        let fixture = include_str!("../../tests/fixtures/chat_templates.json");
        let fixture: serde_json::Value = serde_json::from_str(fixture).unwrap();
        let cases = fixture["strftime"].as_array().unwrap();
        assert!(cases.len() > 100);
        for case in cases {
            let (seconds, format) = (case[0].as_i64().unwrap(), case[1].as_str().unwrap());
            assert_eq!(strftime(format, seconds).unwrap(), case[2].as_str().unwrap(), "{format} {seconds}");
        }
    }

    #[test]
    fn unknown_conversions_are_errors() {
        assert_eq!(strftime("%Q", 0).unwrap_err(), "strftime_now does not know %Q");
        assert!(strftime("100%", 0).is_err());
        assert!(strftime("%1000000d", 0).is_err());
        assert!(strftime_now("%Y").unwrap().starts_with("20"));
    }

    #[test]
    fn now_is_local() {
        let offset = chrono::Local::now().offset().local_minus_utc();
        let moment = Moment::now();
        let minutes = (moment.unix + i64::from(offset)).rem_euclid(86_400) / 60;
        assert_eq!(moment.hour * 60 + moment.minute, minutes);
    }
}
