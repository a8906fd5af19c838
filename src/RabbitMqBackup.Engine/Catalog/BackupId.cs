using System.Security.Cryptography;
using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Catalog;

/// <summary>
/// The name of a backup, which is also its folder in the store: 1 to 100 ASCII letters, digits, <c>.</c>, <c>-</c> and <c>_</c>, with a letter or digit first, no dot
/// at the end, and no name that Windows keeps for a device. So a name that starts with <c>_</c> is free for what the catalog itself keeps beside the backups.
/// </summary>
public static class BackupId
{
    /// <summary>The longest id, in characters.</summary>
    public const int MaxLength = 100;

    /// <summary>A new id: UTC time to the millisecond, which makes ids sort by age, and 32 random bits, e.g. <c>20261123-180702-123-7c1d9e3a</c>.</summary>
    public static string New(TimeProvider time) =>
        string.Create(
            System.Globalization.CultureInfo.InvariantCulture,
            $"{time.GetUtcNow().UtcDateTime:yyyyMMdd-HHmmss-fff}-{Convert.ToHexString(RandomNumberGenerator.GetBytes(4)).ToLowerInvariant()}");

    /// <summary>True where the text can be a backup's id.</summary>
    public static bool IsValid(string? id) => id is not null && Complaint(id) is null;

    /// <summary>Checks an id that a caller gave.</summary>
    /// <returns>The id.</returns>
    /// <exception cref="ArgumentException">It can't be one, with the reason.</exception>
    public static string Check(string id) => Complaint(id) is { } complaint ? throw new ArgumentException($"'{id}' can't be a backup id: {complaint}.", nameof(BackupId)) : id;

    private static string? Complaint(string id)
    {
        if (id.Length is 0 or > MaxLength)
        {
            return $"it must have 1 to {MaxLength} characters";
        }

        if (!char.IsAsciiLetterOrDigit(id[0]))
        {
            return "it must start with a letter or a digit";
        }

        foreach (char c in id)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('.' or '-' or '_'))
            {
                return "only ASCII letters, digits, '.', '-' and '_' are allowed";
            }
        }

        return id[^1] == '.' ? "it must not end with a dot" : WindowsNames.IsDevice(id) ? "Windows keeps this name for a device" : null;
    }
}
