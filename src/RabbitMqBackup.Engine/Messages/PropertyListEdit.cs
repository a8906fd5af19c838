namespace RabbitMqBackup.Engine.Messages;

/// <summary>
/// What to change in property lists. Everything that it does not touch is copied byte for byte, in its order; nothing is decoded.
/// Made once, applied to every message; immutable and safe for use from several threads.
/// </summary>
internal sealed record PropertyListEdit
{
    /// <summary>Leave out user-id. Default false.</summary>
    public bool DropUserId { get; init; }

    /// <summary>Names of headers to leave out. Default: none.</summary>
    public IReadOnlyCollection<string> DropHeaders { get; init; } = [];

    /// <summary>Headers to rename: from, to. A header that is also dropped is dropped. Default: none.</summary>
    public IReadOnlyDictionary<string, string> RenameHeaders { get; init; } = new Dictionary<string, string>();

    /// <summary>Leave out expiration. Default false.</summary>
    public bool DropExpiration { get; init; }

    /// <summary>Another expiration (ms as text) in place of the one that is there; a message without one stays without. Default: as it is.</summary>
    public string? ReplaceExpiration { get; init; }

    /// <summary>Leave out the headers table where dropping headers made it empty; one that came empty stays. Default false.</summary>
    public bool DropEmptiedHeaders { get; init; }

    /// <summary>Room that <see cref="Apply"/> may need for a list of this length.</summary>
    internal int MaxLength(int rawLength) => throw new NotImplementedException();

    /// <summary>Writes the edited list.</summary>
    /// <param name="raw">The list.</param>
    /// <param name="destination">At least <see cref="MaxLength"/> bytes, not overlapping <paramref name="raw"/>.</param>
    /// <returns>Bytes written.</returns>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.SegmentCorrupt"/>, with the position in the list.</exception>
    internal int Apply(ReadOnlySpan<byte> raw, Span<byte> destination) => throw new NotImplementedException();
}
