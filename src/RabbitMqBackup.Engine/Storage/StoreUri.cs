using System.Text;
using System.Text.RegularExpressions;

namespace RabbitMqBackup.Engine.Storage;

/// <summary>
/// A store's address in parts. Accepted are
/// a path (<c>./b</c>, <c>/x/y</c>, <c>~/b</c>, on Windows <c>C:\x</c> and <c>\\server\share</c>), <c>file:</c> URIs,
/// <c>s3://bucket/prefix</c>, <c>azblob://account/container/prefix</c> and <c>gs://bucket/prefix</c>, the last three with options as a query.
/// What is written in a URI is percent-decoded; what is written as a path is taken as it is. No secret may stand in it.
/// </summary>
internal sealed partial record StoreUri
{
    /// <summary>The longest prefix in UTF-8 bytes: with a slash and <see cref="ObjectPath.MaxBytes"/> it stays below S3's 1,024.</summary>
    internal const int MaxPrefixBytes = 123;

    private static readonly Dictionary<string, StoreScheme> Schemes = new(StringComparer.OrdinalIgnoreCase)
    {
        ["file"] = StoreScheme.File,
        ["s3"] = StoreScheme.S3,
        ["azblob"] = StoreScheme.AzureBlob,
        ["gs"] = StoreScheme.Gcs,
    };

    private static readonly Dictionary<StoreScheme, string[]> KnownOptions = new()
    {
        [StoreScheme.File] = [],
        [StoreScheme.S3] = ["region", "endpoint", "path_style", "s3_compatibility", "profile", "server_side_encryption", "kms_key_id", "storage_class"],
        [StoreScheme.AzureBlob] = ["endpoint", "access_tier"],
        [StoreScheme.Gcs] = ["endpoint", "storage_class"],
    };

    /// <summary>Which kind of store.</summary>
    internal required StoreScheme Scheme { get; init; }

    /// <summary>The folder's full path, for <see cref="StoreScheme.File"/>; else empty.</summary>
    internal string Folder { get; init; } = "";

    /// <summary>The storage account, for <see cref="StoreScheme.AzureBlob"/>; else empty.</summary>
    internal string Account { get; init; } = "";

    /// <summary>The bucket or container; empty for a folder.</summary>
    internal string Bucket { get; init; } = "";

    /// <summary>What every key starts with, without slashes at its ends; may be empty.</summary>
    internal string Prefix { get; init; } = "";

    /// <summary>The options of the query, by name.</summary>
    internal IReadOnlyDictionary<string, string> Options { get; init; } = new Dictionary<string, string>();

    /// <summary>The scheme as it is written.</summary>
    internal string SchemeName => Schemes.First(pair => pair.Value == Scheme).Key;

    /// <summary>The address for people and for logs.</summary>
    internal string DisplayUri => Scheme switch
    {
        StoreScheme.File => Folder,
        StoreScheme.AzureBlob => Join($"azblob://{Account}/{Bucket}", Prefix),
        _ => Join($"{SchemeName}://{Bucket}", Prefix),
    };

    /// <summary>Parses an address.</summary>
    /// <param name="uri">The path or URI.</param>
    /// <param name="baseFolder">Where a relative path starts; null for the process's current folder.</param>
    /// <exception cref="ArgumentException">It can't be understood, with the reason. The text never repeats user info or an option's value.</exception>
    internal static StoreUri Parse(string uri, string? baseFolder)
    {
        if (string.IsNullOrWhiteSpace(uri))
        {
            throw new ArgumentException("The store is empty: give a folder, or an s3:, azblob: or gs: URI.", nameof(uri));
        }

        Match match = SchemePattern().Match(uri);
        if (!match.Success)
        {
            return new StoreUri { Scheme = StoreScheme.File, Folder = FullPath(uri, baseFolder) };
        }

        string name = match.Groups[1].Value;
        if (!Schemes.TryGetValue(name, out StoreScheme scheme))
        {
            throw new ArgumentException($"'{name}:' is not a kind of store; known are file:, s3:, azblob: and gs:. For a folder with a colon in its name write './{name}:…'.", nameof(uri));
        }

        return scheme == StoreScheme.File ? ParseFile(uri, baseFolder) : ParseCloud(scheme, uri[(name.Length + 1)..]);
    }

    private static StoreUri ParseFile(string uri, string? baseFolder)
    {
        string rest = uri["file:".Length..];
        if (rest.IndexOfAny(['?', '#']) >= 0)
        {
            throw new ArgumentException("A file: URI takes no options; write '%3F' for a question mark and '%23' for a hash in a folder's name.", nameof(uri));
        }

        string path = Uri.UnescapeDataString(rest);
        if (path.StartsWith("//", StringComparison.Ordinal))
        {
            int slash = path.IndexOf('/', 2);
            string host = slash < 0 ? path[2..] : path[2..slash];
            path = slash < 0 ? "" : path[slash..];
            if (host.Length > 0 && !host.Equals("localhost", StringComparison.OrdinalIgnoreCase))
            {
                // A host in a file: URI is a UNC server; other systems have no such notion (RFC 8089, appendix E.3).
                path = OperatingSystem.IsWindows()
                    ? $@"\\{host}{path.Replace('/', '\\')}"
                    : throw new ArgumentException($"'file://{host}/…' names a host; on this system write 'file:///folder'.", nameof(uri));
            }
        }

        if (path.Length > 2 && path[0] == '/' && path[2] == ':' && char.IsAsciiLetter(path[1]))
        {
            path = path[1..];
        }

        return path.Length == 0
            ? throw new ArgumentException("The file: URI names no folder.", nameof(uri))
            : new StoreUri { Scheme = StoreScheme.File, Folder = FullPath(path, baseFolder) };
    }

    private static string FullPath(string path, string? baseFolder)
    {
        if (path.Contains('\0'))
        {
            throw new ArgumentException("A folder's name can't hold the character U+0000.", nameof(path));
        }

        if (!OperatingSystem.IsWindows() && WindowsPathPattern().IsMatch(path))
        {
            throw new ArgumentException($"'{path}' is a Windows path; on this system write it with '/', from the root or relative.", nameof(path));
        }

        if (path == "~" || path.StartsWith("~/", StringComparison.Ordinal) || (OperatingSystem.IsWindows() && path.StartsWith(@"~\", StringComparison.Ordinal)))
        {
            path = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile) + path[1..];
        }

        string full = Path.GetFullPath(path, Path.GetFullPath(baseFolder ?? Environment.CurrentDirectory));
        return Path.TrimEndingDirectorySeparator(full);
    }

    private static StoreUri ParseCloud(StoreScheme scheme, string rest)
    {
        string form = scheme == StoreScheme.AzureBlob ? "azblob://account/container/prefix" : $"{(scheme == StoreScheme.S3 ? "s3" : "gs")}://bucket/prefix";
        int query = rest.IndexOf('?');
        string place = query < 0 ? rest : rest[..query];
        if (!place.StartsWith("//", StringComparison.Ordinal) || place.Contains('#'))
        {
            throw new ArgumentException($"The store's URI must look like {form}, without a fragment.", nameof(rest));
        }

        string[] parts = place[2..].Split('/', scheme == StoreScheme.AzureBlob ? 3 : 2);
        if (parts[0].Contains('@'))
        {
            throw new ArgumentException($"A store's URI takes no user name or key: use a credential or the environment, and write {form}.", nameof(rest));
        }

        bool azure = scheme == StoreScheme.AzureBlob;
        string bucket = azure ? parts.ElementAtOrDefault(1) ?? "" : parts[0];
        if (azure && !AccountPattern().IsMatch(parts[0]))
        {
            throw new ArgumentException($"'{parts[0]}' is not a storage account's name (3 to 24 lower-case letters and digits); the URI is {form}.", nameof(rest));
        }

        if (!(azure ? ContainerPattern() : BucketPattern()).IsMatch(bucket))
        {
            throw new ArgumentException($"'{bucket}' is not a name of a {(azure ? "container" : "bucket")}; the URI is {form}.", nameof(rest));
        }

        return new StoreUri
        {
            Scheme = scheme,
            Account = azure ? parts[0] : "",
            Bucket = bucket,
            Prefix = ParsePrefix(Uri.UnescapeDataString(parts.ElementAtOrDefault(azure ? 2 : 1) ?? "")),
            Options = ParseOptions(scheme, query < 0 ? "" : rest[(query + 1)..]),
        };
    }

    private static string ParsePrefix(string prefix)
    {
        string trimmed = prefix.Trim('/');
        if (Encoding.UTF8.GetByteCount(trimmed) > MaxPrefixBytes)
        {
            throw new ArgumentException($"The store's prefix is longer than {MaxPrefixBytes} bytes.", nameof(prefix));
        }

        return trimmed.Length == 0 ? "" : ObjectPath.Parse(trimmed).ToString();
    }

    private static Dictionary<string, string> ParseOptions(StoreScheme scheme, string query)
    {
        Dictionary<string, string> options = [];
        foreach (string pair in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            int equals = pair.IndexOf('=');
            string name = Uri.UnescapeDataString(equals < 0 ? pair : pair[..equals]);
            if (!KnownOptions[scheme].Contains(name))
            {
                throw new ArgumentException($"'{name}' is not an option of this kind of store; known are: {string.Join(", ", KnownOptions[scheme])}.", nameof(query));
            }

            string value = equals < 0 ? "" : Uri.UnescapeDataString(pair[(equals + 1)..]);
            if (value.Length == 0 || !options.TryAdd(name, value))
            {
                throw new ArgumentException($"The option '{name}' {(value.Length == 0 ? "has no value" : "is given twice")}.", nameof(query));
            }
        }

        return options;
    }

    private static string Join(string head, string prefix) => prefix.Length == 0 ? head : $"{head}/{prefix}";

    // Two letters at least, so that a drive is not taken for a scheme.
    [GeneratedRegex(@"^([A-Za-z][A-Za-z0-9+.-]+):", RegexOptions.CultureInvariant)]
    private static partial Regex SchemePattern();

    [GeneratedRegex(@"^([A-Za-z]:|\\\\)", RegexOptions.CultureInvariant)]
    private static partial Regex WindowsPathPattern();

    [GeneratedRegex(@"^[a-z0-9]{3,24}\z", RegexOptions.CultureInvariant)]
    private static partial Regex AccountPattern();

    [GeneratedRegex(@"^[a-z0-9](?!.*--)[a-z0-9-]{2,62}\z", RegexOptions.CultureInvariant)]
    private static partial Regex ContainerPattern();

    // Older S3 buckets have upper case and underscores; Google's names with dots go up to 222.
    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9._-]{2,221}\z", RegexOptions.CultureInvariant)]
    private static partial Regex BucketPattern();
}
