namespace RabbitMqBackup.Engine.Broker;

/// <summary>
/// A pattern over names as PowerShell has them: <c>*</c>, <c>?</c>, <c>[abc]</c>, <c>[a-z]</c>, and a backtick before a character that is meant literally. Case does not matter.
/// A bracket that is never closed is an ordinary character. Matching goes back to the last <c>*</c> only, so its time is bounded by pattern length × name length.
/// </summary>
internal sealed class WildcardPattern
{
    private readonly List<Token> _tokens = [];

    internal WildcardPattern(string pattern)
    {
        Text = pattern;
        int i = 0;
        while (i < pattern.Length)
        {
            char c = pattern[i];
            int close = c == '[' ? CloseOf(pattern, i) : -1;
            if (c == '`' && i + 1 < pattern.Length)
            {
                _tokens.Add(new(TokenKind.Literal, pattern[i + 1], null));
                i += 2;
            }
            else if (close > 0)
            {
                _tokens.Add(new(TokenKind.Set, default, Ranges(pattern.AsSpan(i + 1, close - i - 1))));
                i = close + 1;
            }
            else
            {
                _tokens.Add(new(c switch { '*' => TokenKind.Any, '?' => TokenKind.One, _ => TokenKind.Literal }, c, null));
                i++;
            }
        }

        IsLiteral = _tokens.TrueForAll(token => token.Kind == TokenKind.Literal);
    }

    private enum TokenKind
    {
        Literal,
        One,
        Set,
        Any,
    }

    /// <summary>The pattern as it was given.</summary>
    internal string Text { get; }

    /// <summary>It has no wildcard: it can mean one name only.</summary>
    internal bool IsLiteral { get; }

    /// <summary>How many <c>*</c> it has.</summary>
    internal int Stars => _tokens.Count(token => token.Kind == TokenKind.Any);

    /// <summary>Characters that have to be in a name as they are: what makes one pattern narrower than another.</summary>
    internal int Literals => _tokens.Count(token => token.Kind == TokenKind.Literal);

    /// <summary>True when the name matches, or is the pattern itself, character by character.</summary>
    internal bool Matches(string name) => name == Text || Walk(name, null);

    /// <summary>What each <c>*</c> stands for in a name, from the left, each but the last as short as it can be; null where the name does not match.</summary>
    internal IReadOnlyList<string>? Capture(string name)
    {
        int[] begins = new int[_tokens.Count];
        if (!Walk(name, begins))
        {
            return null;
        }

        // Each token but a star takes one character, so that where one star ends follows from where the next begins.
        List<string> captured = [];
        int end = name.Length;
        for (int i = _tokens.Count - 1; i >= 0; i--)
        {
            if (_tokens[i].Kind == TokenKind.Any)
            {
                captured.Insert(0, name[begins[i]..end]);
                end = begins[i];
            }
            else
            {
                end--;
            }
        }

        return captured;
    }

    /// <summary>Matches; where each star begins goes into <paramref name="begins"/>, by token.</summary>
    private bool Walk(string name, int[]? begins)
    {
        int token = 0, position = 0, star = -1, retry = 0;
        while (position < name.Length)
        {
            if (token < _tokens.Count && _tokens[token].Kind == TokenKind.Any)
            {
                if (begins is not null)
                {
                    begins[token] = position;
                }

                star = token++;
                retry = position;
            }
            else if (token < _tokens.Count && _tokens[token].Accepts(name[position]))
            {
                token++;
                position++;
            }
            else if (star >= 0)
            {
                token = star + 1;
                position = ++retry;
            }
            else
            {
                return false;
            }
        }

        while (token < _tokens.Count && _tokens[token].Kind == TokenKind.Any)
        {
            if (begins is not null)
            {
                begins[token] = position;
            }

            token++;
        }

        return token == _tokens.Count;
    }

    /// <inheritdoc/>
    public override string ToString() => Text;

    /// <summary>Index of the bracket that closes the set, or -1. A set has at least one character, so <c>[]]</c> holds a bracket.</summary>
    private static int CloseOf(string pattern, int open)
    {
        for (int i = open + 1; i < pattern.Length; i++)
        {
            if (pattern[i] == '`')
            {
                i++;
            }
            else if (pattern[i] == ']' && i > open + 1)
            {
                return i;
            }
        }

        return -1;
    }

    private static (char First, char Last)[] Ranges(ReadOnlySpan<char> set)
    {
        List<(char, char)> ranges = [];
        int i = 0;
        while (i < set.Length)
        {
            char first = Next(set, ref i);
            bool isRange = i + 1 < set.Length && set[i] == '-';
            if (isRange)
            {
                i++;
            }

            ranges.Add((first, isRange ? Next(set, ref i) : first));
        }

        return [.. ranges];
    }

    private static char Next(ReadOnlySpan<char> set, ref int index)
    {
        if (set[index] == '`' && index + 1 < set.Length)
        {
            index++;
        }

        return set[index++];
    }

    private readonly record struct Token(TokenKind Kind, char Character, (char First, char Last)[]? Ranges)
    {
        internal bool Accepts(char c) => Kind switch
        {
            TokenKind.One => true,
            TokenKind.Literal => Fold(c) == Fold(Character),
            TokenKind.Set => Contains(c) || Contains(char.ToUpperInvariant(c)) || Contains(char.ToLowerInvariant(c)),
            _ => false,
        };

        private static char Fold(char c) => char.ToUpperInvariant(c);

        private bool Contains(char c)
        {
            foreach ((char first, char last) in Ranges!)
            {
                if (c >= first && c <= last)
                {
                    return true;
                }
            }

            return false;
        }
    }
}
