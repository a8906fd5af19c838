namespace RabbitMqBackup.Engine.Storage;

/// <summary>
/// The path of an object below a store's prefix: segments divided by <c>/</c>, each not empty, not <c>.</c> or <c>..</c>, without control characters, back-slash, colon or half surrogate pairs.
/// What is read from a manifest is hostile until it has become one of these: a path can't leave the prefix.
/// </summary>
public readonly record struct ObjectPath
{
    /// <summary>The longest path that every store takes, in UTF-8 bytes (S3: 1,024 with the prefix).</summary>
    public const int MaxBytes = 900;

    private readonly string? _value;

    private ObjectPath(string value) => _value = value;

    /// <summary>Parses a path.</summary>
    /// <exception cref="ArgumentException">It is not a path, with the reason.</exception>
    public static ObjectPath Parse(string value) =>
        Complaint(value) is { } complaint ? throw new ArgumentException($"'{value}' is not an object path: {complaint}.", nameof(value)) : new(value);

    /// <summary>Parses a path, false where it is none.</summary>
    public static bool TryParse(string? value, out ObjectPath path)
    {
        bool valid = value is not null && Complaint(value) is null;
        path = valid ? new(value!) : default;
        return valid;
    }

    /// <inheritdoc/>
    public override string ToString() => _value ?? "";

    private static string? Complaint(string value)
    {
        if (value.Length == 0)
        {
            return "it is empty";
        }

        if (System.Text.Encoding.UTF8.GetByteCount(value) > MaxBytes)
        {
            return $"it is longer than {MaxBytes} bytes";
        }

        foreach (string segment in value.Split('/'))
        {
            if (segment is "" or "." or "..")
            {
                return $"'{segment}' is no name";
            }
        }

        for (int i = 0; i < value.Length; i++)
        {
            char c = value[i];
            bool pair = char.IsHighSurrogate(c) && i + 1 < value.Length && char.IsLowSurrogate(value[i + 1]);
            if (char.IsControl(c) || c == '\\' || c == ':' || (char.IsSurrogate(c) && !pair))
            {
                return $"it holds the character U+{(int)c:X4}";
            }

            // Half a pair has no UTF-8, so two such paths would be one object.
            i += pair ? 1 : 0;
        }

        return null;
    }
}
