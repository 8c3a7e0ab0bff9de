//! `strftime_now`, which some chat templates call to put today's date into the system prompt.

use web_time::{SystemTime, UNIX_EPOCH};

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

/// The time in UTC as `format` asks; an error names a conversion that we do not have.
pub(super) fn strftime_now(format: &str) -> Result<String, String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    strftime(format, now)
}

fn strftime(format: &str, seconds: u64) -> Result<String, String> {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let (month_name, day_name) = (MONTHS[month as usize - 1], DAYS[(days + 4) as usize % 7]);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let mut out = String::new();
    let mut characters = format.chars();
    while let Some(character) = characters.next() {
        if character != '%' {
            out.push(character);
            continue;
        }
        match characters.next() {
            Some('Y') => out += &format!("{year:04}"),
            Some('y') => out += &format!("{:02}", year % 100),
            Some('m') => out += &format!("{month:02}"),
            Some('B') => out += month_name,
            Some('b') => out += &month_name[..3],
            Some('d') => out += &format!("{day:02}"),
            Some('A') => out += day_name,
            Some('a') => out += &day_name[..3],
            Some('H') => out += &format!("{hour:02}"),
            Some('I') => out += &format!("{:02}", (hour + 11) % 12 + 1),
            Some('p') => out += if hour < 12 { "AM" } else { "PM" },
            Some('M') => out += &format!("{minute:02}"),
            Some('S') => out += &format!("{second:02}"),
            Some('F') => out += &format!("{year:04}-{month:02}-{day:02}"),
            Some('T') => out += &format!("{hour:02}:{minute:02}:{second:02}"),
            Some('%') => out.push('%'),
            other => return Err(format!("strftime_now does not know %{}", other.unwrap_or(' '))),
        }
    }
    Ok(out)
}

/// Year, month and day `days` after 1970-01-01 (Hinnant, "chrono-compatible low-level date algorithms").
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn unknown_conversions_are_errors() {
        assert_eq!(strftime("%Q", 0).unwrap_err(), "strftime_now does not know %Q");
        assert!(strftime("100%", 0).is_err());
        assert!(strftime_now("%Y").unwrap().starts_with("20"));
    }
}
