"""`python -m osim_nmscal` is `osim-nmscal`."""

from osim_nmscal.start import main

if __name__ == "__main__":
    main()
