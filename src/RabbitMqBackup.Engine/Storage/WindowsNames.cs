namespace RabbitMqBackup.Engine.Storage;

/// <summary>Which names Windows does not give to a file as they are written.</summary>
internal static class WindowsNames
{
    /// <summary>True for a name that Windows refuses, changes (a trailing dot or blank is dropped) or takes for a device.</summary>
    internal static bool Refuses(string name) =>
        name.AsSpan().IndexOfAny("<>\"|?*\\:") >= 0 || name[^1] is '.' or ' ' || IsDevice(name);

    /// <summary>True for CON, PRN, AUX, NUL, COM0 to COM9 and LPT0 to LPT9 in any case, also with an extension: <c>nul.tar.gz</c> is the device.</summary>
    internal static bool IsDevice(string name)
    {
        int dot = name.IndexOf('.');
        string stem = (dot < 0 ? name : name[..dot]).TrimEnd(' ').ToUpperInvariant();
        return stem is "CON" or "PRN" or "AUX" or "NUL" or "CONIN$" or "CONOUT$"
            || (stem.Length == 4 && (stem.StartsWith("COM", StringComparison.Ordinal) || stem.StartsWith("LPT", StringComparison.Ordinal))
                && (char.IsAsciiDigit(stem[3]) || stem[3] is '\u00B9' or '\u00B2' or '\u00B3'));
    }
}
