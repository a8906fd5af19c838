namespace RabbitMqBackup.Engine.Storage;

/// <summary>
/// The order of listings: that of the UTF-8 bytes, as S3, Azure and Google have it. Ordinal comparison of .NET strings differs from it only where one
/// has a surrogate pair (U+10000 and above) and the other a character from U+E000 to U+FFFF.
/// </summary>
internal sealed class ObjectOrder : IComparer<string>
{
    internal static readonly ObjectOrder Instance = new();

    /// <inheritdoc/>
    public int Compare(string? x, string? y)
    {
        ReadOnlySpan<char> a = x, b = y;
        int common = a.CommonPrefixLength(b);
        if (common == a.Length || common == b.Length)
        {
            return a.Length.CompareTo(b.Length);
        }

        return Rank(a[common]).CompareTo(Rank(b[common]));
    }

    // Surrogates, D800 to DFFF, go behind everything else of the basic plane.
    private static int Rank(char c) => char.IsSurrogate(c) ? c + 0x10000 : c;
}
