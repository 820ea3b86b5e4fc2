//! What a line of text may hold that people read in a terminal, a log or a table.

/// Returns whether a character does more than stand there: it ends the line, moves a cursor, or turns the text after it round
/// (Unicode's bidirectional controls, UAX #9; a name that ends in `gpj.exe` can be made to look like a picture).
pub fn disturbs(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::disturbs;

    #[test]
    fn letters_of_any_script_stand_and_what_orders_them_does_not() {
        assert!("Grüße, 世界, שלום, مرحبا 🚀 e\u{301} \u{200d}".chars().all(|c| !disturbs(c)));
        assert!("\n\r\t\0\u{1b}\u{85}\u{2028}\u{2029}\u{202e}\u{2066}\u{200f}".chars().all(disturbs));
    }
}
